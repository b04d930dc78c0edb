from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dikast.graphs.cweval.extract import complete, shared_by
from dikast.graphs.cweval.go_imports import IMPORT, imports_of, mended
from dikast.graphs.cweval.reading import only_tasks, read_tasks
from dikast.graphs.cweval.tasks import OWN_TASKS

TASKS = only_tasks(read_tasks(OWN_TASKS))
GO = [task for task in TASKS if task.language == "go"]


def test_what_is_missing_is_added_and_what_is_unused_goes() -> None:
    code = 'package main\n\nimport (\n\t"os"\n\t_ "embed"\n)\n\nfunc main() { fmt.Println(strings.ToUpper("a")) }\n'
    found = mended(code, {})
    assert imports_of(found) == {"fmt": "fmt", "strings": "strings"}
    assert '_ "embed"' in found


def test_a_program_that_is_right_stays_as_it_is() -> None:
    code = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println(1) }\n'
    assert mended(code, {}) == code


def test_package_main_is_added() -> None:
    assert mended('import "fmt"\n\nfunc main() { fmt.Println(1) }\n', {}).startswith("package main\n")


def test_names_of_the_program_are_no_packages() -> None:
    code = "package main\n\nfunc size(path File) int { return path.Size() }\n"
    assert imports_of(mended(code, {})) == {}


def test_what_stands_in_texts_is_no_code() -> None:
    code = 'package main\n\n// os.Exit\nfunc main() { println("strings.Trim", `time.Now`, \'"\') /* log.Fatal */ }\n'
    assert imports_of(mended(code, {})) == {}


@pytest.mark.parametrize(("member", "path"), [("Read(b)", "crypto/rand"), ("Intn(9)", "math/rand")])
def test_the_two_rands(member: str, path: str) -> None:
    assert imports_of(mended(f"package main\n\nfunc f() {{ rand.{member} }}\n", {})) == {"rand": path}


def test_versions_and_aliases() -> None:
    code = 'package main\n\nimport (\n\t"example.com/jwt/v5"\n\tb "bytes"\n)\n\nfunc f() { jwt.Parse(); b.Equal() }\n'
    assert mended(code, {}) == code
    added = mended("package main\n\nfunc f() { jwt.Parse() }\n", {"jwt": "example.com/jwt/v5"})
    assert '"example.com/jwt/v5"' in added


@pytest.mark.parametrize("task", GO, ids=lambda task: task.task_id)
def test_a_reference_without_its_imports_compiles(task: object, tmp_path: Path) -> None:
    [one] = [each for each in GO if each is task]
    program = complete(IMPORT.sub("", one.reference).replace("package main", ""), one, shared_by(GO))
    whole = one.reference + one.entrypoint
    assert set(imports_of(program).values()) == set(imports_of(whole).values())
    if not shutil.which("go"):
        pytest.skip("needs go to compile it")
    (tmp_path / "main.go").write_text(program)
    done = subprocess.run(
        ["go", "build", "-o", "program", "main.go"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
