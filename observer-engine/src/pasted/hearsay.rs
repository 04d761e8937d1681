//! What others than the kernel and those that kill say of a process's end, or of memory: no report of a kill, and what people
//! paste who look for one. Told where nothing else is.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words, and what they mean.
const SAID: [(&[&str], &str); 10] = [
    (
        &[
            "OOMKilled",
            "OOM Killed",
            "CgroupOOM",
            "OOM encountered",
            "OutOfMemoryError: Container killed",
            " container oom ",
        ],
        "A container runtime or kubelet says that the kernel's OOM killer was at work. The kernel's report, which tells why, is in \
         its host's log: run 'journalctl -k' there.",
    ),
    (
        &["oom-kill event", "oom_kill event", "OUT_OF_MEMORY", "Out Of Memory"],
        "Slurm counted OOM kills in a job's cgroup. The kernel's report, which tells why, is in its node's log: run 'journalctl -k' \
         there.",
    ),
    (
        &["low on resource: memory"],
        "kubelet evicted pods because its node was short of memory. It ends them itself, before the kernel's OOM killer has to.",
    ),
    (
        &["panic_on_oom", "System is deadlocked on memory"],
        "The kernel panicked since it was out of memory: it had nothing left to kill, or was told not to (vm.panic_on_oom).",
    ),
    (
        &["lowmemorykiller: "],
        "Android's low memory killer ended processes. Its reports are not read here.",
    ),
    (
        &["Out of memory in UB "],
        "OpenVZ's OOM killer was at work in a container (UB). Its reports are not read here.",
    ),
    (
        &[
            "java.lang.OutOfMemoryError",
            "OutOfMemoryError: Java heap space",
            "There is insufficient memory for the Java Runtime",
        ],
        "The Java virtual machine could not get memory, by a bound of its own (-Xmx) or since a request was refused. That is no kill \
         by the kernel.",
    ),
    (
        &["page allocation failure"],
        "The kernel could not get memory for a request and refused it (page allocation failure). That is no kill.",
    ),
    (
        &["blocked for more than"],
        "A task was blocked for long (hung task). That is no kill.",
    ),
    (
        &[
            "status=9/KILL",
            "signal 9: Killed",
            "code 137",
            "Exit Code:    137",
            "xitCode\": 137",
        ],
        "A process ended of SIGKILL (status 137), which anyone may have sent. If it was the kernel's OOM killer, its report is in \
         'journalctl -k' at that time.",
    ),
];

/// What stands beside a word that takes it back: `"OOMKilled": false`.
const DENIED: [&str; 2] = ["false", "False"];

/// All words in one pass over a line: kernels' reports have thousands.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(Hearsay::words()).ok());

/// Whose words each is, in the order of [`Hearsay::words`].
fn meanings_of_words() -> impl Iterator<Item = usize> {
    (0..)
        .zip(SAID)
        .flat_map(|(meaning, (words, _))| words.iter().map(move |_| meaning))
}

/// What was said so far.
#[derive(Debug, Default)]
pub(super) struct Hearsay([bool; SAID.len()]);

impl Hearsay {
    /// All words, for who looks for lines that may have any.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        SAID.iter().flat_map(|(words, _)| words.iter().copied())
    }

    /// Takes a line.
    pub(super) fn line(&mut self, line: &str) {
        let Some(words) = WORDS.as_ref() else { return };
        for found in words.find_overlapping_iter(line) {
            let meaning = meanings_of_words().nth(found.pattern().as_usize());
            if let Some(heard) = meaning.and_then(|meaning| self.0.get_mut(meaning)) {
                *heard |= !line.get(found.end()..).is_some_and(is_denied);
            }
        }
    }

    /// What it means.
    pub(super) fn meanings(&self) -> Vec<&'static str> {
        let heard = SAID.iter().zip(&self.0).filter(|(_, heard)| **heard);
        let mut meanings: Vec<_> = heard.map(|((_, meaning), _)| *meaning).collect();
        // That a process ended of SIGKILL says no more where the others do.
        if meanings.len() > 1 && self.0.last() == Some(&true) {
            meanings.pop();
        }
        meanings
    }
}

fn is_denied(rest: &str) -> bool {
    let value = rest.trim_start_matches(|sign: char| !sign.is_ascii_alphabetic());
    DENIED.iter().any(|word| value.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_told_once_and_what_is_denied_is_not() {
        let mut hearsay = Hearsay::default();
        for line in [
            "            \"OOMKilled\": false,",
            "java.lang.OutOfMemoryError: Java heap space",
            "java.lang.OutOfMemoryError: Metaspace",
        ] {
            hearsay.line(line);
        }
        assert_eq!(hearsay.meanings().len(), 1);
        assert!(hearsay.meanings()[0].starts_with("The Java"));
        hearsay.line("      Reason:       OOMKilled");
        assert!(hearsay.meanings()[0].starts_with("A container runtime"));
    }
}
