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
        // The rest of it is behind a function that keeps no frame pointer.
        Runtime::Java if is_named && is_lost => Some(Runtime::Java),
        // Interpreters are in files, whatever they run.
        Runtime::Node if has(&INTERPRETED) || !is_named && has(&["v8::internal::Execution::Call"]) => {
            Some(Runtime::Node)
        }
        Runtime::Python if !is_named && has(&["_PyEval_EvalFrame"]) => Some(Runtime::Python),
        Runtime::Java | Runtime::Node | Runtime::Python | Runtime::Other => None,
    }
}
