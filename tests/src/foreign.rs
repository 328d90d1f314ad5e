//! Verifiers of books that were not written here and share no code with Tandem: `tests/foreign` on the transparency-log packages of the Go
//! project (`golang.org/x/mod/sumdb`), `tests/foreign/cosigned` on those of transparency-dev (`formats/note`), and the `fsck` of its Tessera.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Tessera's checker, in the one version that was tried.
const FSCK: &str = "github.com/transparency-dev/tessera/cmd/fsck@v1.0.4";
/// The first minor version of Go 1 that can have the later Go that Tessera asks for.
const FSCK_GO_MIN: u32 = 21;
/// What fsck says when it accepts. Its exit status is 0 whatever it found.
const FSCK_ACCEPTS: &str = "Successfully fsck'd log";
/// A checker that takes longer has not accepted: fsck waits for ever on some broken books.
const PATIENCE: Duration = Duration::from_secs(60);

/// The verifiers, built.
#[derive(Debug)]
pub struct Verifiers {
    ours: PathBuf,
    fsck: Option<PathBuf>,
    cosigned: Option<PathBuf>,
}

impl Verifiers {
    /// Builds them. Without Go the test fails, unless TANDEM_WITHOUT_GO=1 leaves it out: then there are none.
    pub fn build() -> Option<Self> {
        let Some(minor) = go_minor() else {
            let message = "there is no Go: run deploy/setup --tests, or set TANDEM_WITHOUT_GO=1 to leave the foreign verifiers out";
            assert_eq!(env::var("TANDEM_WITHOUT_GO").as_deref(), Ok("1"), "{message}");
            say("NOT TESTED, since TANDEM_WITHOUT_GO=1 and there is no Go: books against the foreign verifiers");
            return None;
        };
        let bin = bin();
        std::fs::create_dir_all(&bin).expect("a directory beside the tests");
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign");
        let ours = bin.join("foreign");
        run_go(Command::new("go").args(["build", "-buildvcs=false", "-o"]).arg(&ours).arg(".").current_dir(&module));
        let (fsck, cosigned) = if minor >= FSCK_GO_MIN {
            run_go(Command::new("go").args(["install", FSCK]).env("GOBIN", &bin).env("GOFLAGS", ""));
            let cosigned = bin.join("cosigned");
            run_go(Command::new("go").args(["build", "-buildvcs=false", "-o"]).arg(&cosigned).arg(".").current_dir(module.join("cosigned")));
            (Some(bin.join("fsck")), Some(cosigned))
        } else {
            say(&format!(
                "NOT TESTED: books against Tessera's fsck and cosignatures against transparency-dev's formats, which need Go 1.{FSCK_GO_MIN} or later; here is 1.{minor}"
            ));
            (None, None)
        };
        Some(Self { ours, fsck, cosigned })
    }

    /// Whether Go's own packages accept the book in this directory or at this URL; what was said.
    pub fn go_accepts(&self, place: &str, vkey: &str) -> Result<String, String> {
        finish(Command::new(&self.ours).args(["-vkey", vkey, place]))
    }

    /// Whether transparency-dev's packages find a checkpoint (a file or URL) signed by its book and cosigned by a witness; `None` if they are
    /// not here.
    pub fn cosigned(&self, checkpoint: &str, vkey: &str, witness: &str) -> Option<Result<String, String>> {
        Some(finish(Command::new(self.cosigned.as_ref()?).args(["-vkey", vkey, "-witness", witness, checkpoint])))
    }

    /// Whether Tessera's fsck accepts the book below this `file://` or `http://` URL, with the key in a file; `None` if it is not here.
    pub fn fsck_accepts(&self, url: &str, vkey_file: &Path) -> Option<Result<String, String>> {
        let fsck = self.fsck.as_ref()?;
        let said = finish(Command::new(fsck).arg("-public_key").arg(vkey_file).args(["-storage_url", &format!("{url}/"), "-ui=false", "-N", "2"]));
        Some(said.and_then(|said| if said.contains(FSCK_ACCEPTS) { Ok(said) } else { Err(said) }))
    }
}

/// A line that no test harness keeps to itself.
fn say(line: &str) {
    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// 26 of `go version go1.26.8 linux/amd64`.
fn go_minor() -> Option<u32> {
    let output = Command::new("go").arg("version").output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    version.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

/// Beside the tests' own binaries.
fn bin() -> PathBuf {
    let test = env::current_exe().expect("a test knows its own path");
    test.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").join("foreign")
}

fn run_go(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("go runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Runs to the end, or until patience ends. Its output goes through a file, which cannot fill up and stop it.
fn finish(command: &mut Command) -> Result<String, String> {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let file = log.reopen().expect("a temporary file can be opened again");
    let errors = file.try_clone().expect("a file can be shared");
    let mut child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().expect("it was built");
    let status = wait(&mut child);
    let said = std::fs::read_to_string(log.path()).expect("it was written");
    match status {
        Some(status) if status.success() => Ok(said),
        Some(status) => Err(format!("{status}: {said}")),
        None => Err(format!("not done after {PATIENCE:?}: {said}")),
    }
}

fn wait(child: &mut std::process::Child) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("our own child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    // It may have ended meanwhile; nothing else can go wrong.
    let _ = child.kill();
    let _ = child.wait();
    None
}
