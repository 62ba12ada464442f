"""Container images and zips beyond what hadolint sees: what is copied exists, what runs is what the template calls."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import check_certificates
from scripts.deployment import ROOT, Deployment

FUNCTIONS = ("restoration", "reframing", "segmentation", "conversion", "adapt")
FAKE_AWS = {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake", "SAM_CLI_TELEMETRY": "0"}


def stages(dockerfile: Path) -> list[str]:
    return re.split(r"(?m)^(?=FROM )", dockerfile.read_text())[1:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_image(name: str, deployment: Deployment) -> None:
    dockerfile = ROOT / "functions" / name / "Dockerfile"
    for stage in stages(dockerfile):
        assert re.match(r"FROM public\.ecr\.aws/lambda/python:3\.13(@sha256:[0-9a-f]{64})? AS ", stage)
        for source in re.findall(r"(?m)^COPY (?!--from)(\S+) ", stage):
            assert (ROOT / "functions" / source).exists(), source
    final = stages(dockerfile)[1]
    command = deployment.template["Resources"][f"{name.capitalize()}Function"]["Properties"]["ImageConfig"]["Command"]
    assert f'CMD ["{command[0]}"]' in final
    assert "USER 1000" in final
    assert "--require-hashes" in stages(dockerfile)[0]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_buildkit_syntax_because_sam_builds_without_it(name: str) -> None:
    text = (ROOT / "functions" / name / "Dockerfile").read_text()
    assert not re.search(r"--mount=|--chmod=|--checksum=|<<EOF|^# syntax=", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["reframing", "segmentation"])
def test_workers_can_be_built_with_detectron2(name: str) -> None:
    (target,) = [s for s in stages(ROOT / "functions" / name / "Dockerfile") if "AS detectron2" in s.splitlines()[0]]
    assert re.search(r"torch==\d", target)
    assert re.search(r"DETECTRON2=[0-9a-f]{40}", target)
    assert f'CMD ["{name}.app.handler"]' in target


def test_context_leaves_nothing_out_that_is_copied() -> None:
    ignored = (ROOT / "functions/.dockerignore").read_text().split()
    assert not {*FUNCTIONS, "reefsteps"} & set(ignored)


def test_page_image() -> None:
    packages, final = stages(ROOT / "frontend/Dockerfile")
    assert "--require-hashes" in packages
    for line in (
        "USER 1000",
        'VOLUME ["/tmp"]',
        "EXPOSE 8501",
        'CMD ["python", "-m", "frontend.serve"]',
        "HEALTHCHECK",
    ):
        assert line in final
    for source in re.findall(r"(?m)^COPY (?!--from)(\S+) ", packages + final):
        assert (ROOT / source).exists(), source
    # database.py looks for the certificates beside the package reefsteps.
    assert "/app/functions/rds-ca-bundle.pem" in final


def test_page_task_matches_its_image(deployment: Deployment) -> None:
    (container,) = deployment.resources("AWS::ECS::TaskDefinition")["FrontendTask"]["ContainerDefinitions"]
    assert container["ReadonlyRootFilesystem"] is True
    assert container["MountPoints"][0]["ContainerPath"] == "/tmp"
    assert container["PortMappings"][0]["ContainerPort"] == 8501
    given = {entry["Name"] for entry in [*container["Environment"], *container["Secrets"]]}
    read = set(re.findall(r'"([A-Z][A-Z_]+)"', (ROOT / "frontend/settings.py").read_text()))
    read |= set(re.findall(r'text\("([A-Z_]+)"\)', (ROOT / "frontend/serve.py").read_text()))
    assert read - given <= {
        "AWS_ENDPOINT_URL",
        "AWS_DEFAULT_REGION",
        "AUTH_MODE",
    }  # for laptops; sign-in is the default


def authority(number: int, days: int) -> bytes:
    """Return the certificate of an authority that is valid for so many days more, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority {number}")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), number + 1, now - timedelta(400), now + timedelta(days)
    )
    basic = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return basic.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "bundle.pem"
    path.write_bytes(b"".join(authority(number, 30) for number in range(10)))
    return path


def test_sam_builds_the_zip_functions(certificates: Path, tmp_path: Path) -> None:
    if shutil.which("curl") is None or shutil.which("make") is None:
        pytest.skip("sam build needs make and curl")
    binaries = Path(sys.executable).parent
    environment = os.environ | FAKE_AWS | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [str(binaries / "sam"), "build", "CoverageFunction", "--build-dir", str(tmp_path), "--config-env", "dev"],
        cwd=ROOT,
        env=environment | {"RDS_CA_BUNDLE": certificates.as_uri(), "SAM_CLI_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    built = tmp_path / "CoverageFunction"
    assert (built / "coverage_step/app.py").is_file()
    assert (built / "reefsteps/database.py").is_file()
    assert (built / "rds-ca-bundle.pem").read_text().count("BEGIN CERTIFICATE") == 10
    assert (built / "pymysql").is_dir()
    assert not list(built.rglob("__pycache__"))


def fetched_certificates(bundle: Path, target: Path) -> subprocess.CompletedProcess[str]:
    arguments = [f"ARTIFACTS_DIR={target}", f"RDS_CA_BUNDLE={bundle.as_uri()}"]
    command = ["make", "-C", str(ROOT / "functions"), "certificates", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_list_of_valid_certificates_is_taken(certificates: Path, tmp_path: Path) -> None:
    assert fetched_certificates(certificates, tmp_path).returncode == 0
    assert check_certificates.usable(tmp_path / "rds-ca-bundle.pem") == 10


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("an error page", "is no list of certificates"),
        ("lines that look like certificates", "is no list of certificates"),
        ("half a download", "is no list of certificates"),
        ("one region's list", "holds 3 certificates"),
        ("yesterday's list", "holds 0 certificates"),
    ],
)
def test_any_other_list_stops_the_build(kind: str, words: str, certificates: Path, tmp_path: Path) -> None:
    whole = certificates.read_bytes()
    contents = {
        "an error page": b"<html>Service Unavailable</html>",
        "lines that look like certificates": b"-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n" * 10,
        "half a download": whole[: len(whole) // 2 + 100],
        "one region's list": b"".join(authority(number, 30) for number in range(3)),
        "yesterday's list": b"".join(authority(number, -1) for number in range(10)),
    }
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(contents[kind])
    done = fetched_certificates(bundle, tmp_path)
    assert done.returncode != 0
    assert words in done.stderr


def test_the_page_image_reads_its_certificates_too() -> None:
    text = (ROOT / "frontend/Dockerfile").read_text()
    assert "python /tmp/check_certificates.py /app/functions/rds-ca-bundle.pem" in text
    assert "!functions/check_certificates.py" in (ROOT / ".dockerignore").read_text()


def test_what_a_closed_checkout_gives_can_be_read_by_lambda(tmp_path: Path) -> None:
    """Umask 027: files of a checkout are readable for their owner and group alone."""
    source, target = tmp_path / "functions", tmp_path / "built"
    shutil.copytree(ROOT / "functions/removal", source / "removal")
    (source / "reefsteps").mkdir()
    (source / "reefsteps/a.py").write_text("")
    shutil.copy(ROOT / "functions/Makefile", source)
    (source / "removal/requirements.txt").write_text("")
    for path in [source, *source.rglob("*")]:
        path.chmod(0o750 if path.is_dir() else 0o640)
    target.mkdir()
    command = ["make", "-C", str(source), "packages", "STEP=removal", f"ARTIFACTS_DIR={target}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (target / "removal/app.py").stat().st_mode & 0o004
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in target.rglob("*") if path.is_dir())


def test_zip_functions_have_make_targets_for_both_architectures(deployment: Deployment) -> None:
    makefile = (ROOT / "functions/Makefile").read_text()
    assert "manylinux2014_$(ARCH)" in makefile
    runtimes = {f["Runtime"] for f in deployment.resources("AWS::Lambda::Function").values() if "Runtime" in f}
    (version,) = re.findall(r"PYTHON_VERSION := (\S+)", makefile)
    assert runtimes == {f"python{version}"}
