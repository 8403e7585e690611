/* The man page, from the same tables as --help. */
#include <string.h>

#include "cli.h"

/* Prints text so that roff takes every character as it stands; a newline starts a paragraph. */
static void print_text(FILE *file, const char *text) {
  bool start = true;
  for (const char *c = text; *c != 0; c++) {
    if (start && (*c == '.' || *c == '\'')) {
      fputs("\\&", file);
    }
    start = *c == '\n';
    if (*c == '\n') {
      fputs("\n.PP\n", file);
    } else if (*c == '\\') {
      fputs("\\e", file);
    } else if (*c == '-') {
      fputs("\\-", file);
    } else {
      fputc(*c, file);
    }
  }
}

static void print_line(FILE *file, const char *text) {
  print_text(file, text);
  fputc('\n', file);
}

static void print_item(FILE *file, const char *term, const char *text) {
  fputs(".TP\n\\fB", file);
  print_text(file, term);
  fputs("\\fR\n", file);
  print_line(file, text);
}

static void print_command(FILE *file, const cli_entry *entry) {
  const cli_command *command = entry->command;
  fprintf(file, ".SS \"jimm %s \\fR[OPTION...] ", entry->name);
  print_text(file, command->arguments);
  fputs("\"\n", file);
  print_text(file, entry->summary);
  fputs(".\n.PP\n", file);
  print_line(file, command->details);
  for (int32_t i = 0; command->verbs != NULL && command->verbs[i].name != NULL; i++) {
    char text[128];
    snprintf(text, sizeof text, "%s %s", command->verbs[i].name, command->verbs[i].arguments);
    print_item(file, text, command->verbs[i].help);
  }
  for (int32_t i = 0; i < command->option_count; i++) {
    char text[128], help[1024];
    const cli_option *option = &command->options[i];
    cli_option_verbs(command, option, help, sizeof help);
    snprintf(help + strlen(help), sizeof help - strlen(help), "%s", option->help);
    print_item(file, cli_option_text(option, text, sizeof text), help);
  }
}

void cli_print_man(FILE *file) {
  fprintf(file, ".TH JIMM 1 \"\" \"jimm %s\" \"User Commands\"\n", jimm_version());
  fputs(".SH NAME\njimm \\- image backbones of timm in plain C\n.SH SYNOPSIS\n", file);
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    fprintf(file, "%s.B jimm %s\n", entry == cli_commands ? "" : ".br\n", entry->name);
    fputs("[OPTION...] ", file);
    print_line(file, entry->command->arguments);
  }
  fputs(".br\n.B jimm\n\\-\\-help | \\-\\-version\n.SH DESCRIPTION\n", file);
  print_line(file,
             "jimm lists image models of timm (PyTorch Image Models), runs them on tensors and "
             "classifies images with them, giving the numbers that timm gives. Results go to "
             "standard output, everything else to standard error.");
  fputs(".SS Models\n", file);
  print_line(file,
             "MODEL is an architecture (resnet50: its default weights), an architecture and a tag "
             "(resnet50.a1_in1k), or the same with an underscore (resnet50_a1_in1k). Aliases that "
             "timm has deprecated work, and a note says so.");
  fputs(".SS Weights\n", file);
  print_line(file,
             "Without a file, the released weights of a model come from the Hugging Face Hub, or "
             "from the cache that its Python client uses. hf://NAMESPACE/NAME is any repository in "
             "timm's format. Both may end in @REVISION: a branch, a tag or a commit.");
  print_line(
      file,
      "A weights file is a safetensors file or a PyTorch checkpoint (.bin, .pth, .pt) with the "
      "keys of timm's state_dict; nothing in it is run. A weights folder holds timm's "
      "config.json and model.safetensors (or pytorch_model.bin); architecture, number of "
      "classes, preprocessing and labels come from it.");
  fputs(".SH COMMANDS\nEvery command also takes \\fB\\-h, \\-\\-help\\fR.\n", file);
  for (const cli_entry *entry = cli_commands; entry->name != NULL; entry++) {
    print_command(file, entry);
  }
  fputs(".SH EXIT STATUS\n", file);
  for (int32_t i = 0; i < cli_status_count; i++) {
    char number[16];
    snprintf(number, sizeof number, "%d", cli_statuses[i].status);
    print_item(file, number, cli_statuses[i].meaning);
  }
  fputs(".SH ENVIRONMENT\n", file);
  print_item(file, "JIMM_CPU",
             "the instruction sets to use: baseline, avx2, avx512, or these and single features "
             "(avx512_bf16) joined by commas. Without it, all that the processor has.");
  print_item(file, "HF_HUB_CACHE, HF_HOME",
             "the cache of downloaded weights: $HF_HUB_CACHE, else $HF_HOME/hub, else "
             "~/.cache/huggingface/hub.");
  print_item(file, "HF_TOKEN", "the token for private and gated repositories.");
  print_item(file, "HF_HUB_OFFLINE", "1: nothing is asked of the hub.");
  print_item(file, "HF_ENDPOINT", "another hub than the public one.");
  print_item(file, "HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT",
             "seconds to wait for an answer, and for data (10 each).");
  fputs(".SH EXAMPLES\n", file);
  print_item(file, "jimm list 'resnet50*' --json", "all released ResNet-50 weights, as JSON");
  print_item(file, "jimm predict -m resnet50.a1_in1k cat.jpg",
             "the five most probable classes, by released weights");
  print_item(file, "jimm predict -w FOLDER cat.jpg",
             "the five most probable classes, by the model in a weights folder");
  print_item(file, "jimm download --family bit --dry-run",
             "how large the released weights of that family are, and which are there");
  print_item(file, "jimm cache rm resnet50", "remove the weights of resnet50's default tag");
  print_item(file, "jimm preprocess resnet50 cat.jpg -o x.npy", "the tensor that resnet50 takes");
  print_item(file, "jimm forward resnet50 -w model.safetensors --input x.npy --output y.npy",
             "the logits of that tensor");
}
