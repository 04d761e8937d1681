//! What holds shared memory and the kernel's, in words.

use super::counted;
use crate::event::{Kill, Object, ObjectKind};
use crate::human::{bytes, duration};
use crate::measure::Bytes;

/// Objects of a line.
const SHOWN: usize = 4;

/// The lines of a kill's paragraph: shared memory by file, then the kernel's by what it is for. A unit is named where it is not the one
/// that was hit.
pub(super) fn lines(kill: &Kill) -> Vec<(&'static str, String)> {
    let own = super::name(&kill.subject);
    let words = |held: &Object| match held.unit.as_deref().filter(|unit| *unit != own) {
        Some(unit) => format!("{} of {unit}", object(held)),
        None => object(held),
    };
    let of = |label, is_shared| {
        let of_it = kill.held.iter().filter(|object| object.kind.is_shared() == is_shared);
        let told: Vec<String> = of_it.take(SHOWN).map(words).collect();
        (!told.is_empty()).then(|| (label, told.join(" · ")))
    };
    [of("shared", true), of("kernel", false)]
        .into_iter()
        .flatten()
        .collect()
}

/// `/run/cache 57.0M (+40.0M in 23s), open in python3[425]`.
#[must_use]
pub fn object(object: &Object) -> String {
    let size = size(object);
    match object.kind {
        ObjectKind::Slab => format!("{}{size} on the whole host", what(object)),
        _ => format!("{}{size}{}", what(object), opened(object)),
    }
}

fn name(object: &Object) -> &str {
    object.name.as_deref().unwrap_or("without a name")
}

fn what(object: &Object) -> String {
    let count = |what| {
        object
            .count
            .map_or_else(|| format!("{what}s"), |count| counted(count, what))
    };
    match object.kind {
        ObjectKind::TmpfsFile => match object.count {
            Some(files) => format!("{} in {}", counted(files, "file"), name(object)),
            None => name(object).to_owned(),
        },
        ObjectKind::Memfd => format!("memfd {}", name(object)),
        ObjectKind::SysvSegment => format!("System V segment {}", name(object)),
        ObjectKind::SharedMapping => "a shared anonymous mapping".to_owned(),
        ObjectKind::Pipes => count("pipe"),
        ObjectKind::Sockets => match &object.name {
            Some(protocols) => format!("{} ({protocols})", count("socket")),
            None => count("socket"),
        },
        ObjectKind::BpfMap => format!("BPF map {}", name(object)),
        ObjectKind::Descriptors => format!("{} {}", count("descriptor"), name(object)),
        ObjectKind::Slab => format!("slab cache {}", name(object)),
    }
}

/// ` 57.0M (+40.0M in 23s)`.
fn size(object: &Object) -> String {
    let about = if object.kind == ObjectKind::Pipes { " about" } else { "" };
    let size = object
        .bytes
        .map(|size| format!("{about} {}", bytes(size)))
        .unwrap_or_default();
    let grown = object.grown.filter(|grown| *grown > 0).zip(object.seconds);
    let grown = grown.map(|(grown, seconds)| {
        let grown = bytes(Bytes(grown.unsigned_abs()));
        format!(" (+{grown} in {})", duration(seconds))
    });
    format!("{size}{}", grown.unwrap_or_default())
}

fn opened(object: &Object) -> String {
    let Some(pid) = object.pid else {
        return ", open in none of its processes".to_owned();
    };
    let process = format!("{}[{pid}]", object.comm.as_deref().unwrap_or("process "));
    let others = object.openers.filter(|openers| *openers > 1);
    let others = others.map(|openers| format!(" and {} more", openers - 1));
    format!(", open in {process}{}", others.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Line};
    use crate::measure::Tgid;

    #[test]
    fn each_kind_is_named_with_who_has_it_open_and_the_kernels_apart() {
        let file = Object {
            bytes: Some(Bytes(57 << 20)),
            grown: Some(40 << 20),
            seconds: Some(23.0),
            pid: Some(Tgid(425)),
            comm: Some("python3".to_owned()),
            openers: Some(3),
            ..Object::new(ObjectKind::TmpfsFile, Some("/run/cache".to_owned()))
        };
        let left = Object {
            bytes: Some(Bytes(1 << 20)),
            ..Object::new(ObjectKind::SysvSegment, Some("0x0000002a, id 7".to_owned()))
        };
        let files = Object {
            bytes: Some(Bytes(3 << 20)),
            count: Some(12),
            ..Object::new(ObjectKind::TmpfsFile, Some("/run/a".to_owned()))
        };
        let pipes = Object {
            bytes: Some(Bytes(46 << 20)),
            count: Some(768),
            pid: Some(Tgid(7)),
            comm: Some("a".to_owned()),
            openers: Some(1),
            ..Object::new(ObjectKind::Pipes, None)
        };
        let slab = Object {
            bytes: Some(Bytes(45 << 20)),
            grown: Some(30 << 20),
            seconds: Some(20.0),
            ..Object::new(ObjectKind::Slab, Some("dentry".to_owned()))
        };
        let neighbours = Object {
            unit: Some("b.service".to_owned()),
            ..pipes.clone()
        };
        let text = r#"{"event":"kill","unit":"a.service","origin":"memcg_limit","confidence":"observed","evidence":[],"limit":null,"trigger":null,"victim":null,"leader_pid":null,"killer":null,"request":null,"before":null,"ts":"2026-11-24T14:08:20Z"}"#;
        let Event::Kill(mut kill) = Line::from_json(text.as_bytes()).unwrap().event else {
            panic!()
        };
        assert!(lines(&kill).is_empty());
        kill.held = vec![file, files, left, slab, pipes, neighbours];
        assert_eq!(
            lines(&kill),
            [
                (
                    "shared",
                    "/run/cache 57.0M (+40.0M in 23s), open in python3[425] and 2 more · 12 files in /run/a 3.0M, open in \
                     none of its processes · System V segment 0x0000002a, id 7 \
                     1.0M, open in none of its processes"
                        .to_owned()
                ),
                (
                    "kernel",
                    "slab cache dentry 45.0M (+30.0M in 20s) on the whole host · 768 pipes about 46.0M, open in a[7] · 768 pipes about \
                     46.0M, open in a[7] of b.service"
                        .to_owned()
                ),
            ]
        );
    }
}
