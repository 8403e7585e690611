#include "jet.h"

#include <string.h>

typedef struct entry {
  const char *name;  // a '*' at the end stands for anything
  jet_effect effect;
  bool given;  // by the user
} entry;

static entry *table;
static size_t table_count, table_capacity;

static const char *const effect_names[JET_EFFECTS] = {"unknown",    "none", "math",
                                                      "allocation", "lock", "blocking-io"};

// The format of the user's own tables, too: an effect, and the functions that have it. The last
// line that fits a function counts.
static const char built_in[] =
    "none memcpy memmove memset memcmp memchr memrchr memmem memccpy mempcpy rawmemchr\n"
    "none explicit_bzero strlen strnlen strcpy strncpy stpcpy stpncpy strlcpy strlcat strcat\n"
    "none strncat strcmp strncmp strcasecmp strncasecmp strcoll strxfrm strchr strrchr\n"
    "none strchrnul strspn strcspn strpbrk strstr strcasestr strtok strtok_r strsep strerror\n"
    "none strerror_r strsignal strtol strtoll strtoul strtoull strtoimax strtoumax strtod\n"
    "none strtof strtold wcslen wcscpy wcsncpy wcscat wcscmp wcsncmp wcschr wcsrchr wcsstr\n"
    "none wcstol wcstoul wcstod wcstombs wcsrtombs wmemcpy wmemmove wmemset wmemcmp wmemchr\n"
    "none isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace\n"
    "none isupper isxdigit isascii towlower towupper iswalnum iswalpha iswdigit iswspace\n"
    "none iswprint tolower toupper toascii bcmp bcopy bzero abs labs llabs div ldiv lldiv\n"
    "none qsort bsearch lfind lsearch tsearch tfind twalk hsearch hsearch_r a64l l64a atoi\n"
    "none atol atoll atof rand srand rand_r random srandom drand48 erand48 lrand48 nrand48\n"
    "none mrand48 jrand48 srand48 ffs ffsl ffsll swab basename dirname snprintf vsnprintf\n"
    "none sprintf vsprintf sscanf vsscanf swprintf vswprintf mbstowcs mbsrtowcs mbsinit mblen\n"
    "none mbrlen mbtowc mbrtowc wcrtomb wctomb wctob wctype c16rtomb c32rtomb mbrtoc16\n"
    "none mbrtoc32 btowc getenv secure_getenv setenv unsetenv environ exit _exit _Exit abort\n"
    "none atexit at_quick_exit quick_exit setjmp _setjmp sigsetjmp __sigsetjmp longjmp\n"
    "none siglongjmp raise signal sigaction sigemptyset sigfillset sigaddset sigdelset\n"
    "none sigismember sigprocmask pthread_sigmask sigaltstack __errno_location __error\n"
    "none __assert_fail __stack_chk_fail __fortify_fail __ctype_b_loc __ctype_tolower_loc\n"
    "none __ctype_toupper_loc __ctype_get_mb_cur_max setlocale localeconv newlocale freelocale\n"
    "none uselocale nl_langinfo time clock clock_gettime clock_getres gettimeofday times\n"
    "none difftime mktime timegm gmtime gmtime_r localtime localtime_r asctime asctime_r ctime\n"
    "none ctime_r strftime getpid getppid gettid getuid geteuid getgid getegid getpgrp getpgid\n"
    "none getsid sysconf getrlimit setrlimit getpagesize getauxval get_nprocs sched_getcpu "
    "sched_yield\n"
    "none sched_getaffinity __sched_cpucount getrusage getrlimit feof ferror clearerr fileno\n"
    "none isatty umask pthread_self pthread_equal pthread_attr_* pthread_mutexattr_*\n"
    "none pthread_condattr_* pthread_rwlockattr_* pthread_barrierattr_* pthread_mutex_init\n"
    "none pthread_mutex_destroy pthread_cond_init pthread_cond_destroy pthread_cond_signal\n"
    "none pthread_cond_broadcast pthread_rwlock_init pthread_rwlock_destroy\n"
    "none pthread_getspecific pthread_setspecific pthread_mutex_unlock pthread_rwlock_unlock\n"
    "none pthread_spin_init pthread_spin_destroy pthread_spin_unlock pthread_detach\n"
    "none pthread_kill pthread_exit sem_init sem_destroy sem_post sem_getvalue sem_trywait\n"
    "none mtx_init mtx_destroy mtx_unlock cnd_init cnd_destroy cnd_signal cnd_broadcast\n"
    "none tss_get tss_set thrd_current thrd_equal thrd_yield sqrt sqrtf sqrtl fabs fabsf fabsl\n"
    "none ceil ceilf ceill floor floorf floorl trunc truncf truncl round roundf roundl rint\n"
    "none rintf rintl nearbyint nearbyintf nearbyintl lrint lrintf lrintl llrint llrintf\n"
    "none llrintl lround lroundf lroundl llround llroundf llroundl fmin fminf fminl fmax fmaxf\n"
    "none fmaxl copysign copysignf copysignl nan nanf nanl fdim fdimf fdiml fma fmaf fmal\n"
    "none frexp frexpf frexpl ldexp ldexpf ldexpl scalbn scalbnf scalbnl scalbln scalblnf\n"
    "none scalblnl ilogb ilogbf ilogbl logb logbf logbl modf modff modfl nextafter nextafterf\n"
    "none nextafterl nexttoward nexttowardf nexttowardl __isnan __isnanf __isinf __isinff\n"
    "none __finite __finitef __signbit __signbitf __fpclassify __fpclassifyf fegetround\n"
    "none fesetround fegetexceptflag feclearexcept feraiseexcept fetestexcept fegetenv\n"
    "none fesetenv feholdexcept feupdateenv fesetexceptflag feenableexcept fedisableexcept\n"
    "none sinf cosf tanf asinf acosf atanf atan2f sinhf coshf tanhf asinhf acoshf atanhf expf\n"
    "none exp2f expm1f logf log2f log10f log1pf powf cbrtf hypotf erff erfcf tgammaf lgammaf\n"
    "none fmodf remainderf remquof sincosf exp10f j0f j1f y0f y1f creal crealf cimag cimagf\n"
    "none conj conjf cproj cprojf cabsf cargf cexpf clogf cpowf csqrtf csinf ccosf ctanf\n"
    "none __atomic_* __sync_*\n"
    "math sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 exp10\n"
    "math expm1 log log2 log10 log1p pow cbrt hypot erf erfc tgamma lgamma fmod remainder\n"
    "math remquo sincos j0 j1 jn y0 y1 yn cabs carg cexp clog cpow csqrt csin ccos ctan\n"
    "math llvm.sin.f64 llvm.cos.f64 llvm.exp.f64 llvm.exp2.f64 llvm.log.f64 llvm.log2.f64\n"
    "math llvm.log10.f64 llvm.pow.f64\n"
    "allocation malloc calloc realloc reallocarray free cfree aligned_alloc posix_memalign\n"
    "allocation memalign valloc pvalloc malloc_trim malloc_usable_size free_sized\n"
    "allocation free_aligned_sized strdup strndup wcsdup asprintf vasprintf open_memstream\n"
    "allocation open_wmemstream fmemopen getdelim getline mmap mmap64 munmap mremap sbrk brk\n"
    "allocation tdelete tdestroy hcreate hdestroy hcreate_r hdestroy_r pthread_create\n"
    "allocation pthread_atfork\n"
    "allocation pthread_key_create pthread_key_delete tss_create tss_delete thrd_create _Znwm\n"
    "allocation _Znam _ZdlPv _ZdaPv _ZdlPvm _ZdaPvm\n"
    "lock pthread_mutex_lock pthread_mutex_trylock pthread_mutex_timedlock\n"
    "lock pthread_mutex_clocklock pthread_rwlock_rdlock pthread_rwlock_wrlock\n"
    "lock pthread_rwlock_tryrdlock pthread_rwlock_trywrlock pthread_rwlock_timedrdlock\n"
    "lock pthread_rwlock_timedwrlock pthread_spin_lock pthread_spin_trylock pthread_cond_wait\n"
    "lock pthread_cond_timedwait pthread_cond_clockwait pthread_barrier_* pthread_once\n"
    "lock pthread_join sem_wait sem_timedwait sem_clockwait sem_open sem_close mtx_lock\n"
    "lock mtx_trylock mtx_timedlock cnd_wait cnd_timedwait call_once thrd_join flock lockf\n"
    "lock flockfile ftrylockfile\n"
    "blocking-io fopen fopen64 freopen fdopen fclose fflush fread fwrite fgetc fgets fputc\n"
    "blocking-io fputs getc putc getchar putchar gets puts ungetc printf vprintf fprintf\n"
    "blocking-io vfprintf dprintf vdprintf scanf vscanf fscanf vfscanf wprintf vwprintf\n"
    "blocking-io fwprintf vfwprintf wscanf fwscanf fgetwc fgetws fputwc fputws getwc putwc\n"
    "blocking-io getwchar putwchar ungetwc perror fseek fseeko ftell ftello rewind fgetpos\n"
    "blocking-io fsetpos setvbuf setbuf tmpfile tmpnam mkstemp mkdtemp remove rename renameat\n"
    "blocking-io open open64 openat creat close read write pread pwrite pread64 pwrite64 readv\n"
    "blocking-io writev preadv pwritev lseek lseek64 fsync fdatasync sync syncfs msync\n"
    "blocking-io ftruncate truncate fallocate posix_fallocate posix_fadvise posix_madvise\n"
    "blocking-io madvise stat fstat lstat fstatat stat64 fstat64 lstat64 statx access\n"
    "blocking-io faccessat readlink readlinkat realpath mkdir rmdir unlink unlinkat link\n"
    "blocking-io symlink chmod fchmod chown fchown utime utimes utimensat futimens getcwd\n"
    "blocking-io chdir fchdir opendir fdopendir readdir closedir rewinddir dirfd scandir ftw\n"
    "blocking-io nftw glob globfree socket connect bind listen accept accept4 send sendto\n"
    "blocking-io sendmsg recv recvfrom recvmsg shutdown setsockopt getsockopt getaddrinfo\n"
    "blocking-io freeaddrinfo getnameinfo poll ppoll select pselect epoll_create epoll_create1\n"
    "blocking-io epoll_ctl epoll_wait epoll_pwait eventfd timerfd_create timerfd_settime\n"
    "blocking-io timerfd_gettime inotify_init inotify_init1 inotify_add_watch inotify_rm_watch\n"
    "blocking-io pipe pipe2 dup dup2 dup3 fcntl ioctl sendfile splice tee copy_file_range\n"
    "blocking-io memfd_create fork vfork execl execlp execle execv execvp execve posix_spawn\n"
    "blocking-io posix_spawnp wait waitpid waitid wait3 wait4 system popen pclose kill sleep\n"
    "blocking-io usleep nanosleep clock_nanosleep thrd_sleep pause alarm sigwait sigwaitinfo\n"
    "blocking-io sigtimedwait sigsuspend getrandom getentropy syslog openlog closelog mlock\n"
    "blocking-io munlock mprotect prctl dlopen dlsym dlclose dlerror setpgid syscall\n";

static void add(const char *name, jet_effect effect, bool given) {
  table = jet_reserve(table, table_count, &table_capacity, sizeof *table);
  table[table_count++] = (entry){.name = name, .effect = effect, .given = given};
}

static jet_effect find_name(const char *name) {
  for (size_t i = 0; i < JET_EFFECTS; ++i) {
    if (strcmp(effect_names[i], name) == 0) {
      return (jet_effect)i;
    }
  }
  return JET_EFFECTS;
}

static void read_line(char *line, const char *path, unsigned number) {
  char *rest = NULL;
  line[strcspn(line, "#")] = '\0';
  const char *word = strtok_r(line, " \t\r", &rest);
  if (!word) {
    return;
  }
  jet_effect effect = find_name(word);
  if (effect == JET_EFFECTS) {
    jet_fail(
        "%s:%u: \"%s\" is no effect; they are unknown, none, math, allocation, lock, blocking-io",
        path, number, word);
  }
  size_t count = 0;
  for (const char *name; (name = strtok_r(NULL, " \t\r", &rest)); ++count) {
    if (strchr(name, '*') && strchr(name, '*')[1]) {
      jet_fail("%s:%u: \"%s\": a '*' is allowed at the end of a name only", path, number, name);
    }
    add(name, effect, path);
  }
  if (!count) {
    jet_fail("%s:%u: no function has the effect", path, number);
  }
}

void jet_load_effects(const char *path) {
  char *text = path ? jet_read(path, NULL) : jet_format("%s", built_in);
  if (!text) {
    jet_fail("cannot read the effects in %s", path);
  }
  unsigned number = 1;
  for (char *line = text; line; ++number) {
    char *end = strchr(line, '\n');
    if (end) {
      *end++ = '\0';
    }
    read_line(line, path, number);
    line = end;
  }
}

static bool fits(const char *pattern, const char *name) {
  size_t size = strcspn(pattern, "*");
  return strncmp(pattern, name, size) == 0 && (pattern[size] == '*' || name[size] == '\0');
}

bool jet_is_of_libc(const char *function) {
  for (size_t i = 0; i < table_count && !table[i].given; ++i) {
    if (fits(table[i].name, function)) {
      return true;
    }
  }
  return false;
}

static jet_effect find(const char *name, bool only_given) {
  for (size_t i = table_count; i-- > 0;) {
    if (only_given && !table[i].given) {
      break;
    }
    if (fits(table[i].name, name)) {
      return table[i].effect;
    }
  }
  return JET_UNKNOWN;
}

// "__memcpy_chk" and "__isoc99_sscanf" are what the headers make of memcpy and sscanf.
static const char *plain_name(const char *name) {
  static const char *const starts[] = {"__isoc99_", "__isoc23_", NULL};
  for (const char *const *start = starts; *start; ++start) {
    if (jet_starts(name, *start)) {
      return name + strlen(*start);
    }
  }
  if (jet_starts(name, "__") && jet_ends(name, "_chk")) {
    return jet_format("%.*s", (int)(strlen(name) - 6), name + 2);
  }
  return name;
}

jet_effect jet_find_effect(const char *function) {
  const char *name = plain_name(function);
  jet_effect effect = find(name, false);
  if (effect == JET_UNKNOWN && jet_ends(name, "64")) {  // for large files: openat64
    return find(jet_format("%.*s", (int)strlen(name) - 2, name), false);
  }
  return effect;
}

jet_effect jet_find_given_effect(const char *function) {
  return find(function, true);
}
