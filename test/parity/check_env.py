"""Says whether this Python has the packages that pyproject.toml pins.

check_env.py PYPROJECT                 exit 0 when every pin is met, else 1 and what is not
check_env.py PYPROJECT --requirements  prints the pins, one a line, for pip
"""

import importlib.metadata
import sys
import tomllib


def pins(path):
    with open(path, "rb") as file:
        return tomllib.load(file)["project"]["dependencies"]


def unmet(requirements):
    problems = []
    for requirement in requirements:
        name, _, wanted = requirement.partition("==")
        try:
            # A local version such as 2.14.1+cpu is the same release.
            found = importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found = "nothing"
        if found != wanted:
            problems.append(f"{name}: pinned {wanted}, found {found}")
    return problems


def main():
    requirements = pins(sys.argv[1])
    if sys.argv[2:] == ["--requirements"]:
        print("\n".join(requirements))
        return 0
    problems = unmet(requirements)
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
