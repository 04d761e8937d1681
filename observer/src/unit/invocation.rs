//! A unit's invocation id without asking systemd: it is written on the cgroup itself.

use std::fs;

use super::UnitPath;
use crate::cgroup::Hierarchy;

/// The extended attributes that systemd puts on a unit's cgroup (src/core/cgroup.c: `cgroup_xattr_apply`).
const ATTRIBUTES: [&str; 2] = ["trusted.invocation_id", "user.invocation_id"];

/// The invocation id of the unit whose cgroup this is: 32 hexadecimal digits.
///
/// From the cgroup's extended attributes, which belong to this very cgroup; else, as on v1, from the link that the unit's
/// own manager keeps for its current invocation.
#[must_use]
pub fn invocation_id(hierarchy: &Hierarchy, path: &str, unit: &UnitPath) -> Option<String> {
    let dir = hierarchy.dir(path);
    let attribute = ATTRIBUTES.iter().find_map(|name| {
        let mut value = [0_u8; 64];
        let length = rustix::fs::getxattr(&dir, *name, &mut value[..]).ok()?;
        std::str::from_utf8(value.get(..length)?).ok().map(str::to_owned)
    });
    let link = || {
        let target = fs::read_link(link_path(unit)?).ok()?;
        target.to_str().map(str::to_owned)
    };
    attribute
        .or_else(link)
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Where the unit's manager, the system's or a user's, keeps the link.
fn link_path(unit: &UnitPath) -> Option<String> {
    let manager = unit.unit.as_deref()?;
    Some(match &unit.user_unit {
        None => format!("/run/systemd/units/invocation:{manager}"),
        Some(user_unit) => {
            let uid = manager.strip_prefix("user@")?.strip_suffix(".service")?;
            format!("/run/user/{uid}/systemd/units/invocation:{user_unit}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_unit_is_asked_of_the_users_manager() {
        let link = |path: &str| link_path(&UnitPath::parse(path));
        assert_eq!(
            link("/system.slice/a.service").as_deref(),
            Some("/run/systemd/units/invocation:a.service")
        );
        assert_eq!(
            link("/user.slice/user-1000.slice/user@1000.service/app.slice/mine.service").as_deref(),
            Some("/run/user/1000/systemd/units/invocation:mine.service")
        );
        assert_eq!(link("/"), None);
    }
}
