//! What runs a process's code, as far as it matters for naming that.

use super::images::Mapping;
use super::names::{Frame, NamedBy};
use crate::event::Runtime;

/// V8's interpreter as its own map and its symbols have it. With --interpreted-frames-native-stack each function has a copy with a name.
const INTERPRETED: [&str; 2] = [
    "Builtin:InterpreterEntryTrampoline",
    "Builtins_InterpreterEntryTrampoline",
];

/// By the files that a process executes; `None` of one that none of these runs.
pub(super) fn of(mappings: &[Mapping]) -> Option<Runtime> {
    let is = |name: &str| match name {
        "libjvm.so" => Some(Runtime::Java),
        "node" | "nodejs" => Some(Runtime::Node),
        _ if name.starts_with("libnode.so") => Some(Runtime::Node),
        _ if name.starts_with("python3") || name.starts_with("libpython3") => Some(Runtime::Python),
        _ => None,
    };
    mappings.iter().filter_map(Mapping::file_name).find_map(is)
}

/// Whether a piece of Java's code keeps a frame pointer by its kind: all but what its compilers make do. Names are of methods, with their arguments, and of
/// what the compilers' code calls.
pub(super) fn may_lack_frame_pointer(name: &str) -> bool {
    name.contains('(') || name.starts_with('_')
}

/// Whose code has no name on this stack; `None` where all that a runtime can name is named.
pub(super) fn unnamed(runtime: Option<Runtime>, frames: &[Frame], is_lost: bool) -> Option<Runtime> {
    let by = |wanted: fn(NamedBy) -> bool| frames.iter().any(|frame| wanted(frame.named_by));
    if by(|by| matches!(by, NamedBy::NobodyYet(_))) {
        return Some(runtime.unwrap_or(Runtime::Other));
    }
    let is_named = by(|by| by == NamedBy::Map);
    let has = |starts: &[&str]| {
        let is = |frame: &Frame| starts.iter().any(|start| frame.name.starts_with(start));
        frames.iter().any(is)
    };
    match runtime? {
        // The rest is behind a function that keeps no frame pointer.
        Runtime::Java if is_named && is_lost => Some(Runtime::Java),
        // Interpreters are in files, whatever they run.
        Runtime::Node if has(&INTERPRETED) || !is_named && has(&["v8::internal::Execution::Call"]) => {
            Some(Runtime::Node)
        }
        Runtime::Python if !is_named && has(&["_PyEval_EvalFrame"]) => Some(Runtime::Python),
        Runtime::Java | Runtime::Node | Runtime::Python | Runtime::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::images::mapping;
    use super::*;

    type Stack<'a> = &'a [(&'a str, NamedBy)];

    #[test]
    fn a_runtime_is_known_by_the_files_that_are_executed() {
        let with = |name: &str| {
            let line = |name: &str| format!("7f0000000000-7f0000001000 r-xp 00000000 fe:00 7 {name}");
            let lines = [line("/usr/bin/java"), line(name), line("/usr/lib/libc.so.6")];
            of(&lines.iter().filter_map(|line| mapping(line)).collect::<Vec<_>>())
        };
        for (name, expected) in [
            ("/usr/lib/jvm/java-21/lib/server/libjvm.so", Some(Runtime::Java)),
            (
                "/usr/lib/jvm/java-21/lib/server/libjvm.so (deleted)",
                Some(Runtime::Java),
            ),
            ("/usr/local/bin/node", Some(Runtime::Node)),
            ("/usr/lib/x86_64-linux-gnu/libnode.so.115", Some(Runtime::Node)),
            ("/usr/bin/python3.13", Some(Runtime::Python)),
            ("/srv/libpython3.12.so.1.0", Some(Runtime::Python)),
            ("/usr/bin/noded", None),
        ] {
            assert_eq!(with(name), expected, "{name}");
        }
    }

    #[test]
    fn code_without_names_is_whose_runtime_could_name_it() {
        let frames = |frames: Stack<'_>| -> Vec<Frame> {
            let frame = |(name, named_by): &(&str, NamedBy)| Frame {
                name: (*name).into(),
                line: None,
                named_by: *named_by,
            };
            frames.iter().map(frame).collect()
        };
        let (file, map, yet) = (NamedBy::File, NamedBy::Map, NamedBy::NobodyYet(0x1000));
        let eval = ("_PyEval_EvalFrameDefault", file);
        let call = ("v8::internal::Execution::Call(v8::internal::Isolate*)", file);
        let (java, node, python) = (Some(Runtime::Java), Some(Runtime::Node), Some(Runtime::Python));
        let table: [(Option<Runtime>, Stack<'_>, bool, Option<Runtime>); 11] = [
            (python, &[("malloc", file), eval, ("Py_RunMain", file)], false, python),
            (python, &[eval, ("py::grow:/a.py", map), eval], false, None),
            (
                python,
                &[("malloc", file), ("a_thread_of_a_library", file)],
                false,
                None,
            ),
            (node, &[("memset", file), call], false, node),
            (node, &[("JS:~grow /a.js:1:1", map), call], false, None),
            (
                node,
                &[
                    ("Builtin:InterpreterEntryTrampoline", map),
                    ("JS:^round /a.js:1:1", map),
                    call,
                ],
                false,
                node,
            ),
            (
                node,
                &[("v8::internal::Scavenger::Process(v8::JobDelegate*)", file)],
                false,
                None,
            ),
            (java, &[("void Shop.order(int)", map)], true, java),
            (
                java,
                &[("void Shop.order(int)", map), ("Interpreter", map)],
                false,
                None,
            ),
            (java, &[("memset", file), ("0x1000", yet)], false, java),
            (None, &[("memset", file), ("0x1000", yet)], false, Some(Runtime::Other)),
        ];
        for (runtime, stack, is_lost, expected) in table {
            assert_eq!(unnamed(runtime, &frames(stack), is_lost), expected, "{stack:?}");
        }
    }
}
