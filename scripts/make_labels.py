#!/usr/bin/env python3
"""Writes the class names of ImageNet heads from the installed timm.

    python3 scripts/make_labels.py           rewrite src/label/synsets.def and src/label/subsets.def
    python3 scripts/make_labels.py --check   exit 1 when a file differs from timm's data

synsets.def holds every WordNet synset that a subset has, with its lemmas, in the order of their
offsets; subsets.def says for each subset which synset a class is, as runs of neighbours.
"""
import pathlib
import sys

import timm
from timm.data import imagenet_info
from timm.data.imagenet_info import ImageNetInfo

ROOM = pathlib.Path(__file__).resolve().parent.parent / 'src' / 'label'
HEAD = f'/* Made by scripts/make_labels.py from timm {timm.__version__}; do not edit.\n *\n'


def quoted(text):
    if not text.isascii() or not text.isprintable() or any(c in text for c in '"\\'):
        raise SystemExit(f'a description needs escaping: {text!r}')
    return f'"{text}"'


def contents():
    counts = imagenet_info._NUM_CLASSES_TO_SUBSET
    infos = {name: ImageNetInfo(name) for name in counts.values()}
    for classes, name in counts.items():
        if infos[name].num_classes() != classes:
            raise SystemExit(f'{name}: {infos[name].num_classes()} names for {classes} classes')
    names = {label: info.label_name_to_description(label)
             for info in infos.values() for label in info.label_names()}
    synsets = sorted(names)
    if not all(len(s) == 9 and s[0] == 'n' and s[1:].isdigit() for s in synsets):
        raise SystemExit('a synset is not n and eight digits')
    rows = ''.join(f'SYNSET({s[1:]}, {quoted(names[s])})\n' for s in synsets)
    place = {synset: index for index, synset in enumerate(synsets)}
    lists = []
    for classes, name in sorted(counts.items()):
        places = [place[label] for label in infos[name].label_names()]
        runs = [(i, at) for i, at in enumerate(places) if i == 0 or at != places[i - 1] + 1]
        lists.append(f'SUBSET_BEGIN({name.replace("-", "_")}, "{name}", {classes})\n'
                     + ''.join(f'RUN({i}, {at})\n' for i, at in runs)
                     + f'SUBSET_END({name.replace("-", "_")})\n')
    return {
        'synsets.def': HEAD + ' * SYNSET(offset in WordNet 3.0, lemmas). */\n' + rows,
        'subsets.def': HEAD + ' * SUBSET_BEGIN(identifier, timm\'s name, classes); RUN(class, synset): this and the following\n'
                       ' * classes are this row of synsets.def and those that follow it, up to the next run. */\n'
                       + ''.join(lists),
    }


def main():
    status = 0
    for name, text in contents().items():
        path = ROOM / name
        if sys.argv[1:] != ['--check']:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f'{path}: differs from timm {timm.__version__}', file=sys.stderr)
            status = 1
    return status


if __name__ == '__main__':
    sys.exit(main())
