// Where calls through pointers lead: into tables, through the fields of structs, or to any function
// of the type.
#include "samples.h"

#include <stdlib.h>

// ---- A field that only initialisers and stores of functions fill -------------------------------

typedef struct shape {
  int corners;
  long (*area)(int, int);
  long (*edge)(int, int);
} shape;

static void *block;

static long square_area(int a, int b) {
  return (long)a * b;
}

static long square_edge(int a, int b) {
  free(block);  // BAD allocation
  return 2L * (a + b);
}

static long round_area(int a, int b) {
  return 3L * a * b;
}

static const shape square = {4, square_area, square_edge};
static shape other = {.corners = 0, .edge = square_edge};

const shape *any_shape(int which) {
  return which ? &square : &other;
}

void make_round(void) {
  other.area = round_area;
}

void make_empty(void *b) {
  other.area = NULL;
  block = b;
}

long area_of(const shape *s, int a, int b) {
  return s->area ? s->area(a, b) : 0;  // BAD indirect-call
}

long edge_of(const shape *s, int a, int b) {
  return s->edge ? s->edge(a, b) : 0;  // BAD indirect-call
}

// ---- A field that may hold anything ------------------------------------------------------------

typedef struct bell {
  int volume;
  char (*ring)(char);
} bell;

static char loud(char c) {
  return (char)(c - 32);
}

static char quiet(char c) {
  return c;
}

static bell bells[2] = {{1, loud}, {2, NULL}};
static char (*spare)(char) = quiet;

void change_bell(char (*ring)(char)) {
  bells[1].ring = ring;
}

void change_to_spare(int clear) {
  spare = clear ? NULL : spare;
  change_bell(spare);
}

char ring_bell(int which, char c) {
  return bells[which & 1].ring ? bells[which & 1].ring(c) : c;  // BAD indirect-call
}

// ---- A table of constants ----------------------------------------------------------------------

static short up(short x) {
  return (short)(x + 1);
}

static short down(short x) {
  return (short)(x - 1);
}

static short nowhere(short x) {
  return x;
}

static short (*const steps[])(short) = {up, down};
static short (*elsewhere)(short) = nowhere;

short take_step(unsigned which, short x) {
  return steps[which % 2](x);  // BAD indirect-call
}

short go_elsewhere(short x, int clear) {
  elsewhere = clear ? NULL : elsewhere;
  return elsewhere ? elsewhere(x) : x;  // BAD indirect-call
}
