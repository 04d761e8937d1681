//! Which system calls are left to what reads and serves bytes from outside: a seccomp filter of what is allowed, for the whole process or
//! for a thread.
//!
//! Everything else fails with `EPERM`, as if it were not permitted: nothing is ended for it. A kernel without seccomp goes on
//! without it. docs/decisions/seccomp.md has the reasons.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch};

/// What there still is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To read files and write to what is open.
    Read,
    /// The same, and to ask BPF maps.
    Follow,
    /// To answer whoever connects. No file is opened.
    Serve,
    /// To answer whoever connects, and to look who that is.
    Attend,
    /// To read files, and to make, change and remove them.
    Write,
    /// To read files, and to send to sockets of this machine.
    Send,
}

/// For the whole process: all threads that there are, and those that come.
pub(crate) fn process(task: Task) {
    confine(task, seccompiler::apply_filter_all_threads);
}

/// For the calling thread, and those that it starts.
pub(crate) fn thread(task: Task) {
    confine(task, seccompiler::apply_filter);
}

/// What fails leaves it as it was: on a kernel without seccomp, or where whoever confines us does not let us do more of it.
fn confine(task: Task, apply: fn(&[seccompiler::sock_filter]) -> seccompiler::Result<()>) {
    let _ = programs(task).iter().try_for_each(|program| apply(program));
}

/// The filters, in the order in which they are put in; each call is answered as strictly as the strictest of them answers
/// (kernel/seccomp.c: `seccomp_run_filters`), and after the last one no more can be put in.
fn programs(task: Task) -> Vec<BpfProgram> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Vec::new();
    };
    let errno = |errno: i32| SeccompAction::Errno(errno.unsigned_abs());
    let compiled = |rules: Rules, mismatch, matched| {
        let filter = SeccompFilter::new(rules, mismatch, matched, arch).ok()?;
        BpfProgram::try_from(filter).ok()
    };
    // Its flags are in memory, which no filter sees. glibc then takes clone(), but for this error only.
    let unseen: Rules = [(libc::SYS_clone3, Vec::new())].into();
    [
        compiled(unseen, SeccompAction::Allow, errno(libc::ENOSYS)),
        compiled(allowed(task), errno(libc::EPERM), SeccompAction::Allow),
    ]
    .into_iter()
    .collect::<Option<Vec<BpfProgram>>>()
    .unwrap_or_default()
}

/// By number; without conditions a call is allowed whatever it is given.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Whatever any of it does: memory, threads, time, signals to itself, and descriptors that are open.
const ALWAYS: &[c_long] = &[
    // Descriptors
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_fadvise64,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_write,
    libc::SYS_writev,
    // Memory
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads, and the process's end
    libc::SYS_clone3, // answered by the filter before this one
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpriority,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_setpriority,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // What it is
    libc::SYS_capget,
    libc::SYS_capset, // gives rights up and nothing else: what is not permitted cannot be had back
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Time
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    // Signals
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
];

/// The same, where an older form of a call is left that a C library may take.
#[cfg(target_arch = "x86_64")]
const ALWAYS_OLD: &[c_long] = &[
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_OLD: &[c_long] = &[];

/// What looks at files by name.
const LOOK: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_statfs,
    libc::SYS_statx,
];
#[cfg(target_arch = "x86_64")]
const LOOK_OLD: &[c_long] = &[libc::SYS_access, libc::SYS_lstat, libc::SYS_readlink, libc::SYS_stat];
#[cfg(not(target_arch = "x86_64"))]
const LOOK_OLD: &[c_long] = &[];

/// What makes, changes and removes files. Neither devices nor links are made.
const CHANGE: &[c_long] = &[
    libc::SYS_copy_file_range,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_mkdirat,
    libc::SYS_openat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_sync_file_range,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];
#[cfg(target_arch = "x86_64")]
const CHANGE_OLD: &[c_long] = &[
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const CHANGE_OLD: &[c_long] = &[];

/// What answers at a socket that listens.
const ANSWER: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// What a terminal is asked and told, and what the standard library sets on a descriptor. `TIOCSTI`, which types into it, is not there.
const IOCTLS: &[u64] = &[
    libc::FIOCLEX,
    libc::FIONBIO,
    libc::FIONREAD,
    libc::TCGETS,
    libc::TCGETS2,
    libc::TCSETS,
    libc::TCSETSF,
    libc::TCSETSW,
    libc::TCSETS2,
    libc::TCSETSF2,
    libc::TCSETSW2,
    libc::TIOCGPGRP,
    libc::TIOCGWINSZ,
];

/// What a process may ask of and for itself: names of threads and of memory.
const PRCTLS: &[i32] = &[
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_CAPBSET_READ,
    libc::PR_CAP_AMBIENT,
];

/// What is asked of maps (linux/bpf.h: `enum bpf_cmd`): elements are looked up, changed, deleted, and followed by the next. No program is
/// loaded and nothing attached.
const MAPS: &[u64] = &[1, 2, 3, 4, 21, 24, 25, 26, 27];

/// What opens a file to be changed, or makes or cuts one: `O_TRUNC` does also where it is opened to be read.
const CHANGES: i32 = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC;

/// What makes a process, or a place of its own in a namespace, out of a thread.
const APART: i32 = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

fn allowed(task: Task) -> Rules {
    let mut rules = Rules::new();
    let any = |rules: &mut Rules, calls: &[&[c_long]]| {
        rules.extend(calls.iter().copied().flatten().map(|call| (*call, Vec::new())));
    };
    any(&mut rules, &[ALWAYS, ALWAYS_OLD]);
    on_itself(&mut rules);
    match task {
        Task::Read | Task::Follow | Task::Send => {
            any(&mut rules, &[LOOK, LOOK_OLD]);
            open(&mut rules);
        }
        Task::Write => any(&mut rules, &[LOOK, LOOK_OLD, CHANGE, CHANGE_OLD]),
        Task::Serve => any(&mut rules, &[ANSWER]),
        Task::Attend => {
            any(&mut rules, &[ANSWER, LOOK, LOOK_OLD]);
            open(&mut rules);
        }
    }
    match task {
        Task::Follow => put(&mut rules, libc::SYS_bpf, MAPS.iter().map(|one| [is(0, *one)])),
        Task::Send => {
            let local = number(libc::AF_UNIX);
            put(&mut rules, libc::SYS_socket, [[is(0, local)]]);
            any(&mut rules, &[&[libc::SYS_connect, libc::SYS_memfd_create]]);
        }
        Task::Read | Task::Serve | Task::Attend | Task::Write => {}
    }
    rules
}

/// Calls that are allowed on what is the process's own.
fn on_itself(rules: &mut Rules) {
    let own = u64::from(std::process::id());
    put(rules, libc::SYS_kill, [[is(0, own)]]);
    // What signals are heard through (signal-hook).
    put(rules, libc::SYS_socketpair, [[is(0, number(libc::AF_UNIX))]]);
    put(rules, libc::SYS_tgkill, [[is(0, own)]]);
    // A thread, and neither a process nor a namespace.
    put(
        rules,
        libc::SYS_clone,
        [[masked(0, libc::CLONE_THREAD | APART, libc::CLONE_THREAD)]],
    );
    // Nothing that is in memory becomes a program.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        put(rules, call, [[masked(2, libc::PROT_EXEC, 0)]]);
    }
    // Limits are asked for, not set.
    put(
        rules,
        libc::SYS_prlimit64,
        [[SeccompCondition::new(2, Qword, Eq, 0).ok()]],
    );
    put(rules, libc::SYS_ioctl, IOCTLS.iter().map(|one| [is(1, *one)]));
    put(rules, libc::SYS_prctl, PRCTLS.iter().map(|one| [is(0, number(*one))]));
}

/// Files are opened to be read.
fn open(rules: &mut Rules) {
    put(rules, libc::SYS_openat, [[masked(2, CHANGES, 0)]]);
    #[cfg(target_arch = "x86_64")]
    put(rules, libc::SYS_open, [[masked(1, CHANGES, 0)]]);
}

/// Allows a call where one of these holds. What cannot be said is not allowed.
fn put<const N: usize>(
    rules: &mut Rules,
    call: c_long,
    conditions: impl IntoIterator<Item = [Option<SeccompCondition>; N]>,
) {
    let rule = |all: [Option<SeccompCondition>; N]| {
        let all: Option<Vec<SeccompCondition>> = all.into_iter().collect();
        SeccompRule::new(all?).ok()
    };
    let any: Vec<SeccompRule> = conditions.into_iter().filter_map(rule).collect();
    if !any.is_empty() {
        rules.insert(call, any);
    }
}

/// An argument of 32 bits that has this value.
fn is(argument: u8, value: u64) -> Option<SeccompCondition> {
    SeccompCondition::new(argument, Dword, Eq, value).ok()
}

/// An argument of flags of which these bits are so.
fn masked(argument: u8, mask: i32, value: i32) -> Option<SeccompCondition> {
    SeccompCondition::new(argument, Dword, MaskedEq(number(mask)), number(value)).ok()
}

/// As the kernel compares it: the bits, without a sign.
fn number(value: i32) -> u64 {
    u64::from(value.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::net::TcpListener;
    use std::os::unix::net::UnixDatagram;
    use std::process::Command;

    use super::*;

    /// What a thread with this task is told, where it does what is done to it in a test.
    fn confined<T: std::marker::Send>(task: Task, work: impl FnOnce() -> T + std::marker::Send) -> T {
        std::thread::scope(|scope| {
            let confined = scope.spawn(|| {
                thread(task);
                work()
            });
            confined.join().unwrap()
        })
    }

    fn number<T>(done: std::io::Result<T>) -> i32 {
        done.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1))
    }

    #[test]
    fn who_reads_can_do_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "as it was").unwrap();
        let refused = confined(Task::Read, || {
            let cut = rustix::fs::open(&file, rustix::fs::OFlags::TRUNC, rustix::fs::Mode::empty());
            // SAFETY: it is refused, and otherwise names nothing that is there.
            let call = |call: c_long, first: c_long| match unsafe { libc::syscall(call, first, 0, 0, 0, 0, 0) } {
                -1 => std::io::Error::last_os_error().raw_os_error().unwrap_or(-1),
                _ => 0,
            };
            // SAFETY: memory of nobody's.
            let mapped = unsafe {
                let (all, anonymous) = (
                    libc::PROT_READ | libc::PROT_EXEC,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                );
                libc::mmap(std::ptr::null_mut(), 4096, all, anonymous, -1, 0)
            };
            [
                ("a program", number(Command::new("/bin/true").spawn())),
                ("a file made", number(File::create(dir.path().join("other")))),
                ("a file written", number(File::options().write(true).open(&file))),
                ("a file cut", number(cut.map_err(Into::into))),
                ("a file removed", number(fs::remove_file(&file))),
                (
                    "a mode changed",
                    number(fs::set_permissions(&file, fs::metadata(&file).unwrap().permissions())),
                ),
                ("a socket", number(TcpListener::bind("127.0.0.1:0"))),
                ("one of this machine's", number(UnixDatagram::unbound())),
                ("a process looked into", call(libc::SYS_ptrace, 0)),
                ("a program of the kernel's", call(libc::SYS_bpf, 5)),
                ("a map", call(libc::SYS_bpf, 1)),
                ("a mount", call(libc::SYS_mount, 0)),
                ("a namespace", call(libc::SYS_unshare, 0)),
                ("calls behind the filter's back", call(libc::SYS_io_uring_setup, 1)),
                ("a signal", call(libc::SYS_kill, 1)),
                ("code", if mapped == libc::MAP_FAILED { libc::EPERM } else { 0 }),
                ("another filter", call(libc::SYS_seccomp, 1)),
            ]
        });
        for (what, number) in refused {
            assert_eq!(number, libc::EPERM, "{what}");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "as it was");
    }

    #[test]
    fn who_reads_reads_and_starts_threads() {
        let (text, told) = confined(Task::Read, || {
            let text = fs::read_to_string("/proc/self/comm").unwrap();
            let (sender, told) = std::sync::mpsc::channel();
            let thread = std::thread::Builder::new().name("another".to_owned()).spawn(move || {
                // As confined as who started it.
                sender.send(number(File::create("/dev/null"))).unwrap();
            });
            thread.unwrap().join().unwrap();
            (text, told.recv().unwrap())
        });
        assert!(!text.is_empty());
        assert_eq!(told, libc::EPERM);
    }

    #[test]
    fn each_task_can_do_what_is_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let written = confined(Task::Write, || {
            fs::create_dir(dir.path().join("folder"))?;
            fs::write(&from, "text")?;
            File::open(&from)?.sync_all()?;
            fs::rename(&from, &to)?;
            fs::remove_file(&to)
        });
        assert_eq!(number(written), 0);
        let ran = confined(Task::Write, || number(Command::new("/bin/true").spawn()));
        assert_eq!(ran, libc::EPERM);
        let (sent, network) = confined(Task::Send, || {
            (
                number(UnixDatagram::unbound()),
                number(TcpListener::bind("127.0.0.1:0")),
            )
        });
        assert_eq!((sent, network), (0, libc::EPERM));
        assert_eq!(
            confined(Task::Serve, || number(File::open("/proc/self/comm"))),
            libc::EPERM
        );
        let socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        let _caller = std::os::unix::net::UnixStream::connect(dir.path().join("socket")).unwrap();
        let (accepted, looked, made, run) = confined(Task::Attend, || {
            (
                number(socket.accept()),
                number(File::open("/proc/self/cgroup")),
                number(File::create(dir.path().join("made"))),
                number(Command::new("/bin/true").spawn()),
            )
        });
        assert_eq!((accepted, looked, made, run), (0, 0, libc::EPERM, libc::EPERM));
    }
}
