//! A unit's invocation id without asking systemd: it is written on the cgroup itself.

use std::fs;

use crate::cgroup::Hierarchy;

/// The extended attributes that systemd puts on a unit's cgroup (src/core/cgroup.c: `cgroup_xattr_apply`).
const ATTRIBUTES: [&str; 2] = ["trusted.invocation_id", "user.invocation_id"];

/// The invocation id of the unit whose cgroup this is: 32 hexadecimal digits.
///
/// From the cgroup's extended attributes, which belong to this very cgroup; else, on v1, from the link that systemd keeps
/// for the unit's current invocation.
#[must_use]
pub fn invocation_id(hierarchy: &Hierarchy, path: &str, unit: &str) -> Option<String> {
    let dir = hierarchy.dir(path);
    let attribute = ATTRIBUTES.iter().find_map(|name| {
        let mut value = [0_u8; 64];
        let length = rustix::fs::getxattr(&dir, *name, &mut value[..]).ok()?;
        std::str::from_utf8(value.get(..length)?).ok().map(str::to_owned)
    });
    let link = || {
        let target = fs::read_link(format!("/run/systemd/units/invocation:{unit}")).ok()?;
        target.to_str().map(str::to_owned)
    };
    attribute
        .or_else(link)
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
