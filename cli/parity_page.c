/* What `jimm parity` found, as a page to look at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "parity.h"

/* A scale of errors: powers of ten from the top down. */
typedef struct scale {
  int least, most; /* exponents */
  double height;   /* of the drawing */
  double top;
} scale;

static double place(const scale *s, double error) {
  const double least = pow(10, s->least);
  const double exponent = log10(error > least ? error : least);
  const double share = (fmin(exponent, s->most) - s->least) / (s->most - s->least);
  return s->top + s->height * (1 - share);
}

static void put_html(FILE *file, const char *text) {
  for (const char *c = text; *c != 0; c++) {
    switch (*c) {
      case '&':
        fputs("&amp;", file);
        break;
      case '<':
        fputs("&lt;", file);
        break;
      case '>':
        fputs("&gt;", file);
        break;
      case '"':
        fputs("&quot;", file);
        break;
      default:
        fputc(*c, file);
    }
  }
}

/* The output that is nearest to its bar. */
static const jimm_parity_output *nearest(const jimm_parity_report *report) {
  const jimm_parity_output *found = NULL;
  double most = -1;
  for (int32_t i = 0; i < report->output_count; i++) {
    const double share = report->outputs[i].measured / report->outputs[i].bar;
    if (isnan(share)) {
      return &report->outputs[i];
    }
    if (share > most) {
      most = share;
      found = &report->outputs[i];
    }
  }
  return found;
}

static void put_grid(FILE *file, const scale *s, double left, double right, int every) {
  for (int e = s->least; e <= s->most; e++) {
    const double y = place(s, pow(10, e));
    fprintf(file, "<line class=grid x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", left, right, y, y);
    if ((e - s->most) % every == 0) {
      fprintf(file, "<text class=tick x=%.1f y=%.1f text-anchor=end>1e%d</text>", left - 6, y + 4,
              e);
    }
  }
}

/* A column for each item: a dot at jimm's error, a ring at that of timm's own float32 run, a dash
 * at the bar. */
static void put_column(FILE *file, const scale *s, const parity_item *item, double x,
                       double width) {
  const jimm_parity_output *output = item->report == NULL ? NULL : nearest(item->report);
  fprintf(file, "<g><title>");
  put_html(file, item->name);
  if (output == NULL) {
    fprintf(file, ": ");
    put_html(file, item->reason == NULL ? parity_outcome_names[item->outcome] : item->reason);
    fprintf(file, "</title><text class=%s x=%.1f y=%.1f text-anchor=middle>%s</text></g>\n",
            item->outcome == PARITY_FAILED ? "bad" : "tick", x, s->top + s->height - 4,
            item->outcome == PARITY_FAILED ? "&#215;" : "&#8211;");
    return;
  }
  fprintf(file, ": %s%s%s %.2g, bar %.2g", output->run, output->run[0] == 0 ? "" : " ",
          output->name, output->measured, output->bar);
  if (output->timm_error >= 0) {
    fprintf(file, ", timm's own float32 %.2g", output->timm_error);
  }
  fprintf(file, "</title><rect class=hit x=%.1f y=%.1f width=%.1f height=%.1f />", x - width / 2,
          s->top, width, s->height);
  const double bar = place(s, output->bar);
  fprintf(file, "<line class=bar x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", x - width * 0.42,
          x + width * 0.42, bar, bar);
  if (output->timm_error >= 0) {
    fprintf(file, "<circle class=timm cx=%.1f cy=%.1f r=2.6 />", x, place(s, output->timm_error));
  }
  fprintf(file, "<circle class=%s cx=%.1f cy=%.1f r=%s /></g>\n",
          item->outcome == PARITY_FAILED ? "wrong" : "jimm", x, place(s, output->measured),
          item->outcome == PARITY_FAILED ? "5" : "3");
}

/* The exponents between which everything lies. */
static scale fit(const parity_sweep *sweep) {
  double least = 1e-7, most = 1e-5;
  for (size_t i = 0; i < sweep->count; i++) {
    const jimm_parity_output *output =
        sweep->items[i].report == NULL ? NULL : nearest(sweep->items[i].report);
    if (output != NULL) {
      most = fmax(most, fmax(output->bar, isfinite(output->measured) ? output->measured : 1));
      least = output->measured > 0 ? fmin(least, output->measured) : least;
    }
  }
  return (scale){.least = (int)fmax(floor(log10(least)), -12),
                 .most = (int)fmin(ceil(log10(most)), 2)};
}

static void put_sweep(FILE *file, const parity_sweep *sweep) {
  enum { LEFT = 56, RIGHT = 1180, HEIGHT = 300 };
  scale s = fit(sweep);
  s.top = 30;
  s.height = HEIGHT;
  const double width = fmin((RIGHT - LEFT) / (double)sweep->count, 40);
  const double right = LEFT + width * (double)sweep->count;
  fprintf(file, "<svg viewBox='0 0 1190 %d' role=img aria-label='errors of every item'>\n",
          HEIGHT + 40);
  put_grid(file, &s, LEFT, right, 1);
  for (size_t i = 0; i < sweep->count; i++) {
    const parity_item *item = &sweep->items[i];
    const double x = LEFT + width * ((double)i + 0.5);
    if (i == 0 || item->family != sweep->items[i - 1].family) {
      const double edge = x - width / 2;
      fprintf(file, "<line class=edge x1=%.1f x2=%.1f y1=10 y2=%d />", edge, edge, HEIGHT + 30);
      fprintf(file, "<text class=label x=%.1f y=22>%s</text>\n", edge + 5,
              item->family == NULL ? "unknown" : item->family->name);
    }
    put_column(file, &s, item, x, width);
  }
  fprintf(file, "</svg>\n");
}

/* The points of a line from left to right through the errors of the steps. */
static void put_line(FILE *file, const scale *s, const jimm_parity_report *report, double left,
                     double right) {
  for (int32_t i = 0; i < report->step_count; i++) {
    const double x =
        left + (right - left) *
                   (report->step_count > 1 ? (double)i / (double)(report->step_count - 1) : 0.5);
    fprintf(file, "%.1f,%.1f ", x, place(s, report->steps[i].error));
  }
}

static bool is_traced(const parity_item *item) {
  return item->report != NULL && item->report->traced != NULL && item->report->step_count > 0;
}

/* Where the error jumps: a ring with the node's name. */
static void put_jump(FILE *file, const scale *s, const jimm_parity_report *report, double left,
                     double right) {
  if (report->jump < 0) {
    return;
  }
  const jimm_parity_step *step = &report->steps[report->jump];
  const double share =
      (double)report->jump / (double)(report->step_count - 1 > 0 ? report->step_count - 1 : 1);
  const double x = left + (right - left) * share, y = place(s, step->error);
  fprintf(file,
          "<circle class=jump cx=%.1f cy=%.1f r=6 /><text class=bad x=%.1f y=%.1f "
          "text-anchor=%s>%s, ",
          x, y, share > 0.6 ? x - 10 : x + 10, y - 8, share > 0.6 ? "end" : "start", report->arch);
  put_html(file, step->node);
  fprintf(file, "</text>\n");
}

static void put_panel(FILE *file, const parity_sweep *sweep, const jimm_family *family) {
  enum { LEFT = 48, RIGHT = 560, HEIGHT = 190 };
  scale s = {.least = -8, .most = -4, .top = 12, .height = HEIGHT};
  size_t lines = 0;
  for (size_t i = 0; i < sweep->count; i++) {
    const parity_item *item = &sweep->items[i];
    if (item->family == family && is_traced(item)) {
      lines++;
      for (int32_t k = 0; k < item->report->step_count; k++) {
        const double error = fmin(item->report->steps[k].error, 100);
        s.most = error > 0 ? (int)fmax(s.most, ceil(log10(error))) : s.most;
      }
    }
  }
  if (lines == 0) {
    return;
  }
  fprintf(file, "<figure><figcaption>%s <span>%zu network%s</span></figcaption>",
          family == NULL ? "unknown" : family->name, lines, lines == 1 ? "" : "s");
  fprintf(file,
          "<svg viewBox='0 0 570 %d' style='--ink-of-line:%.2f' role=img "
          "aria-label='error by depth'>\n",
          HEIGHT + 36, fmax(0.15, fmin(0.6, 10 / (double)lines)));
  put_grid(file, &s, LEFT, RIGHT, 1);
  for (size_t i = 0; i < sweep->count; i++) {
    const parity_item *item = &sweep->items[i];
    if (item->family == family && is_traced(item)) {
      const bool wrong = item->outcome == PARITY_FAILED || item->report->jump >= 0;
      fprintf(file, "<polyline class='%s' points='", wrong ? "path worse" : "path");
      put_line(file, &s, item->report, LEFT, RIGHT);
      fprintf(file, "'><title>%s, %d steps</title></polyline>\n", item->name,
              (int)item->report->step_count);
      put_jump(file, &s, item->report, LEFT, RIGHT);
    }
  }
  fprintf(file,
          "<text class=tick x=%d y=%d>input</text><text class=tick x=%d y=%d "
          "text-anchor=end>logits</text></svg></figure>\n",
          LEFT, HEIGHT + 30, RIGHT, HEIGHT + 30);
}

static void put_panels(FILE *file, const parity_sweep *sweep) {
  const jimm_family *before = NULL;
  for (size_t i = 0; i < sweep->count; i++) {
    if (i == 0 || sweep->items[i].family != before) {
      bool seen = false;
      for (size_t k = 0; k < i; k++) {
        seen = seen || sweep->items[k].family == sweep->items[i].family;
      }
      if (!seen) {
        put_panel(file, sweep, sweep->items[i].family);
      }
      before = sweep->items[i].family;
    }
  }
}

static void put_number(FILE *file, double error) {
  if (error < 0) {
    fputs("<td>", file);
  } else {
    fprintf(file, "<td>%.1e", error);
  }
}

static void put_row(FILE *file, const parity_item *item) {
  static const char *const words[] = {"passed", "FAILED", "skipped"};
  const jimm_parity_report *report = item->report;
  fprintf(file, "<tr class=%s><th>", parity_outcome_names[item->outcome]);
  put_html(file, item->name);
  fprintf(file, "<td class=word>%s", words[item->outcome]);
  if (report == NULL) {
    fprintf(file, "<td colspan=7 class=word>");
    put_html(file, item->reason == NULL ? "" : item->reason);
    fputs("\n", file);
    return;
  }
  put_number(file, parity_worst(report, PARITY_FEATURES));
  put_number(file, parity_worst(report, PARITY_LOGITS));
  put_number(file, parity_worst(report, PARITY_PYRAMID));
  const double share = isnan(report->share) ? 1 : fmin(report->share, 1);
  fprintf(file, "<td class=share><i style='width:%.0f%%'></i>%.0f %%", 100 * share,
          100 * report->share);
  fprintf(file, "<td class=spark>");
  if (is_traced(item)) {
    const scale s = {.least = -8, .most = -4, .top = 1, .height = 18};
    fprintf(file, "<svg viewBox='0 0 140 20'><polyline class='%s' points='",
            report->jump >= 0 ? "path worse" : "path");
    put_line(file, &s, report, 1, 139);
    fprintf(file, "'/></svg>");
  }
  fprintf(file, "<td>%.2f<td>", item->seconds);
  if (item->peak_bytes >= 0) {
    fprintf(file, "%.0f", (double)item->peak_bytes / 1048576.0);
  }
  if (report->jump >= 0 || report->differences[0] != 0) {
    fprintf(file, "<tr class=why><td><td colspan=8>");
    if (report->jump >= 0) {
      const jimm_parity_step *step = &report->steps[report->jump];
      fprintf(file, "the error jumps at <b>");
      put_html(file, step->node);
      fprintf(file, "</b> (%s): %.1e from %.1e; at fault is the %s. ", step->operation, step->error,
              step->before, parity_cause_names[report->cause]);
    }
    put_html(file, report->differences);
  }
  fputs("\n", file);
}

static const char head[] =
    "<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport "
    "content='width=device-width'><title>jimm beside timm</title>\n<style>\n"
    ":root{--ink:#1c2430;--soft:#667085;--line:#e4e7ec;--page:#fff;--jimm:#1f6feb;--timm:#98a2b3;"
    "--bad:#d92d20;--good:#12805c;--band:#f7f8fa}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#98a2b3;--line:#2a303b;"
    "--page:#12161d;--jimm:#58a6ff;--timm:#667085;--bad:#ff6b5e;--good:#3ccb9b;--band:#181d26}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);margin:2rem "
    "auto;max-width:1240px;padding:0 1.2rem}\n"
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}"
    "p{color:var(--soft);margin:.3rem 0 1rem;max-width:75ch}\n"
    ".tiles{display:flex;gap:2.2rem;margin:1.2rem 0 0}.tiles b{display:block;font-size:1.9rem;"
    "font-variant-numeric:tabular-nums;line-height:1.2}.tiles span{color:var(--soft)}"
    ".tiles .failed b{color:var(--bad)}.tiles .passed b{color:var(--good)}\n"
    "svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif}"
    ".grid{stroke:var(--line)}.edge{stroke:var(--timm);stroke-width:.7}.tick{fill:var(--soft)}"
    ".label{fill:var(--ink);font-weight:600}.bar{stroke:var(--ink);stroke-width:1.4}"
    ".timm{fill:none;stroke:var(--timm);stroke-width:1.3}.jimm{fill:var(--jimm)}"
    ".wrong{fill:var(--bad)}.hit{fill:transparent}g:hover .hit{fill:var(--line)}"
    ".bad{fill:var(--bad);font-weight:600;paint-order:stroke;stroke:var(--page);stroke-width:3px}."
    "jump{fill:none;stroke:var(--bad);stroke-width:2}"
    ".path{fill:none;stroke:var(--jimm);stroke-width:1;opacity:var(--ink-of-line,.8)}.path:hover{"
    "opacity:1;"
    "stroke-width:2.5}.worse{stroke:var(--bad);opacity:1;stroke-width:1.6}\n"
    ".key{display:flex;gap:1.4rem;color:var(--soft);font-size:.85rem;margin:.2rem 0 .6rem}"
    ".key svg{width:16px;height:12px;display:inline-block;vertical-align:-1px;margin-right:.35em}\n"
    ".panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1rem 2rem}"
    "figure{margin:0}figcaption{font-weight:600}figcaption span{color:var(--soft);"
    "font-weight:400}\n"
    "table{border-collapse:collapse;width:100%;font-size:.85rem;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.16rem .6rem;border-bottom:1px solid var(--line);"
    "white-space:nowrap}th:first-child,.word{text-align:left}thead th{color:var(--soft);"
    "font-weight:500;position:sticky;top:0;background:var(--page)}tbody th{font-weight:500}"
    ".failed .word{color:var(--bad);font-weight:600}.skipped{color:var(--soft)}"
    ".share{position:relative;min-width:90px}.share "
    "i{position:absolute;left:0;bottom:2px;height:3px;"
    "background:var(--jimm)}.failed .share i{background:var(--bad)}.spark svg{width:140px;"
    "height:20px}.why td{text-align:left;white-space:pre-wrap;color:var(--bad)}\n"
    "</style>\n";

static void put_page(FILE *file, const parity_sweep *sweep) {
  fputs(head, file);
  fprintf(file, "<h1>jimm beside timm</h1><p>jimm %s, ", jimm_version());
  put_html(file, sweep->what);
  fprintf(file, ": %zu checked in %.0f s, one model in memory at a time.</p>\n<div class=tiles>",
          sweep->done, sweep->seconds);
  for (int i = 0; i < 3; i++) {
    const bool plain = i == PARITY_FAILED && sweep->outcomes[i] == 0;
    fprintf(file, "<div class=%s><b>%zu</b><span>%s</span></div>",
            plain ? "none" : parity_outcome_names[i], sweep->outcomes[i], parity_outcome_names[i]);
  }
  fputs(
      "</div>\n<h2>The sweep</h2><p>For each network the output that comes nearest to its bar: the "
      "error divided by timm's largest value. Point at a column for its numbers.</p>\n"
      "<div class=key><span><svg viewBox='0 0 16 12'><circle class=jimm cx=8 cy=6 r=3.5 "
      "/></svg>jimm</span><span><svg viewBox='0 0 16 12'><circle class=timm cx=8 cy=6 r=3.5 "
      "/></svg>timm's own float32</span><span><svg viewBox='0 0 16 12'><line class=bar x1=1 x2=15 "
      "y1=6 y2=6 /></svg>the bar</span><span><svg viewBox='0 0 16 12'><circle class=wrong cx=8 "
      "cy=6 r=5 /></svg>beyond it</span></div>\n",
      file);
  put_sweep(file, sweep);
  fputs(
      "<h2>Error by depth</h2><p>Every step of the plan from the input to the logits, against "
      "timm's stages where a fixture has them and jimm's float64 reference otherwise. A line each; "
      "where the error jumps the node is named.</p>\n<div class=panels>\n",
      file);
  put_panels(file, sweep);
  fputs(
      "</div>\n<h2>All of them</h2><table><thead><tr><th>network<th class=word>outcome<th>features"
      "<th>logits<th>pyramid<th>of the bar<th>error by depth<th>seconds<th>MiB</thead><tbody>\n",
      file);
  for (size_t i = 0; i < sweep->count; i++) {
    put_row(file, &sweep->items[i]);
  }
  fputs("</tbody></table>\n</html>\n", file);
}

int parity_write_page(const parity_sweep *sweep, const char *path) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (file == NULL) {
    return cli_fail_memory();
  }
  put_page(file, sweep);
  const bool whole = ferror(file) == 0;
  int status = fclose(file) == 0 && whole ? CLI_OK : cli_fail_memory();
  if (status == CLI_OK && jimm_write_file(path, text, size) != JIMM_OK) {
    status = cli_fail_library(path);
  }
  free(text);
  return status;
}
