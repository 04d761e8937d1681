//! Varlink (varlink.org), as far as a service of one method needs it: calls and replies are JSON objects, each ended by a NUL.
//!
//! In: the bytes of a call. Out: what it asks for, and the bytes of a reply. Who may call, and what happens then, is `prekill`'s.

use serde::Deserialize;
use serde_json::{Value, json};

/// A call in bytes, at most: a path of 4,096 bytes may have six for each (`\u0001`).
pub(super) const MAX_CALL: u64 = 32 << 10;

/// A path, at most (PATH_MAX, include/uapi/linux/limits.h).
const MAX_PATH: usize = 4_096;

/// What every service answers to.
const SERVICE: &str = "org.varlink.service";
const SERVICE_DESCRIPTION: &str = "interface org.varlink.service

method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
";

/// What systemd-oomd calls (systemd 260: src/shared/varlink-io.systemd.oom.Prekill.c).
const PREKILL: &str = "io.systemd.oom.Prekill";
const PREKILL_DESCRIPTION: &str = "# Notifications of systemd-oomd before a kill
interface io.systemd.oom.Prekill

# Samples the cgroup that is about to be killed, and replies when that is done
method Notify(cgroup: string) -> ()
";

const DESCRIPTIONS: [(&str, &str); 2] = [(PREKILL, PREKILL_DESCRIPTION), (SERVICE, SERVICE_DESCRIPTION)];

/// What a call asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The cgroup of this path is about to be killed.
    Notify { cgroup: String },
    /// What service this is.
    Info,
    /// The definition of an interface.
    Describe(&'static str),
}

impl Call {
    /// The reply's parameters.
    pub(super) fn reply(&self) -> Value {
        match self {
            Self::Notify { .. } => json!({}),
            Self::Info => json!({
                "vendor": "oomtrace",
                "product": "oomtrace",
                "version": env!("CARGO_PKG_VERSION"),
                "url": "",
                "interfaces": DESCRIPTIONS.map(|(name, _)| name),
            }),
            Self::Describe(description) => json!({"description": description}),
        }
    }
}

/// The errors of `org.varlink.service`, with their parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    InterfaceNotFound(String),
    MethodNotFound(String),
    InvalidParameter(&'static str),
    PermissionDenied,
}

#[derive(Deserialize)]
struct Message {
    method: String,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    oneway: Option<bool>,
}

/// A message that calls something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) call: Result<Call, Fault>,
    /// Whether nobody waits for a reply.
    pub(super) is_oneway: bool,
}

/// The call in a message, without its NUL; `None` where it is none.
pub(super) fn request(message: &[u8]) -> Option<Request> {
    let message: Message = serde_json::from_slice(message).ok()?;
    Some(Request {
        call: call(&message),
        is_oneway: message.oneway == Some(true),
    })
}

fn call(message: &Message) -> Result<Call, Fault> {
    let text = |name| message.parameters.as_ref()?.get(name)?.as_str();
    let (interface, method) = message.method.rsplit_once('.').unwrap_or_default();
    match (interface, method) {
        (PREKILL, "Notify") => match text("cgroup").filter(|path| is_cgroup_path(path)) {
            Some(path) => Ok(Call::Notify {
                cgroup: path.to_owned(),
            }),
            None => Err(Fault::InvalidParameter("cgroup")),
        },
        (SERVICE, "GetInfo") => Ok(Call::Info),
        (SERVICE, "GetInterfaceDescription") => {
            let name = text("interface").ok_or(Fault::InvalidParameter("interface"))?;
            let found = DESCRIPTIONS.iter().find(|(known, _)| *known == name);
            let (_, description) = found.ok_or_else(|| Fault::InterfaceNotFound(name.to_owned()))?;
            Ok(Call::Describe(description))
        }
        (PREKILL | SERVICE, _) => Err(Fault::MethodNotFound(message.method.clone())),
        _ => Err(Fault::InterfaceNotFound(interface.to_owned())),
    }
}

/// Whether a text is a cgroup's path from the root, and leads to no other place.
fn is_cgroup_path(text: &str) -> bool {
    let is_name = |name: &str| !["", ".", ".."].contains(&name) && !name.contains('\0');
    let names = text.strip_prefix('/').filter(|_| text.len() < MAX_PATH);
    names.is_some_and(|names| names.is_empty() || names.split('/').all(is_name))
}

/// A reply, with its NUL.
pub(super) fn reply(answer: Result<Value, Fault>) -> Vec<u8> {
    let error = |name: &str, parameters: Value| json!({"error": format!("{SERVICE}.{name}"), "parameters": parameters});
    let message = match answer {
        Ok(parameters) => json!({"parameters": parameters}),
        Err(Fault::InterfaceNotFound(name)) => error("InterfaceNotFound", json!({"interface": name})),
        Err(Fault::MethodNotFound(name)) => error("MethodNotFound", json!({"method": name})),
        Err(Fault::InvalidParameter(name)) => error("InvalidParameter", json!({"parameter": name})),
        Err(Fault::PermissionDenied) => error("PermissionDenied", json!({})),
    };
    let mut bytes = message.to_string().into_bytes();
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(message: &str) -> Result<Call, Fault> {
        request(message.as_bytes()).unwrap().call
    }

    fn notify(cgroup: &str) -> Result<Call, Fault> {
        asked(&json!({"method": "io.systemd.oom.Prekill.Notify", "parameters": {"cgroup": cgroup}}).to_string())
    }

    #[test]
    fn what_systemd_oomd_sends_is_a_cgroup_that_is_about_to_be_killed() {
        // As sd_varlink_invoke() writes it (systemd: src/libsystemd/sd-varlink); the guest of scenario oomd_prekill has the real one.
        let sent =
            r#"{"method":"io.systemd.oom.Prekill.Notify","parameters":{"cgroup":"/pressed.slice/stalled.service"}}"#;
        let request = request(sent.as_bytes()).unwrap();
        let cgroup = "/pressed.slice/stalled.service".to_owned();
        assert_eq!(request.call, Ok(Call::Notify { cgroup }));
        assert!(!request.is_oneway);
        assert_eq!(reply(Ok(request.call.unwrap().reply())), b"{\"parameters\":{}}\0");
    }

    #[test]
    fn a_text_that_is_no_cgroups_path_is_refused() {
        let long = format!("/{}", "x".repeat(4_096));
        for path in ["", "a.slice", "/a/../b", "/..", "/./a", "//a", "/a/", "/a\0b", &long] {
            assert_eq!(notify(path), Err(Fault::InvalidParameter("cgroup")), "{path:?}");
        }
        for path in ["/", "/a.slice", "/a.slice/..b", "/user.slice/run-r\u{1}.scope"] {
            assert!(notify(path).is_ok(), "{path:?}");
        }
        for parameters in [
            "",
            r#","parameters":null"#,
            r#","parameters":{"cgroup":7}"#,
            r#","parameters":[]"#,
        ] {
            let message = format!(r#"{{"method":"io.systemd.oom.Prekill.Notify"{parameters}}}"#);
            assert_eq!(asked(&message), Err(Fault::InvalidParameter("cgroup")), "{message}");
        }
    }

    #[test]
    fn every_interface_that_is_named_is_described() {
        let info = asked(r#"{"method":"org.varlink.service.GetInfo"}"#).unwrap();
        for name in info.reply()["interfaces"].as_array().unwrap() {
            let call =
                json!({"method": "org.varlink.service.GetInterfaceDescription", "parameters": {"interface": name}});
            let told = asked(&call.to_string()).unwrap().reply();
            let line = format!("interface {}", name.as_str().unwrap());
            let description = told["description"].as_str().unwrap();
            assert!(description.lines().any(|known| known == line), "{told}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_in_the_error() {
        let told = |message: &str| {
            let mut bytes = reply(asked(message).map(|call| call.reply()));
            assert_eq!(bytes.pop(), Some(0));
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        assert_eq!(
            told(r#"{"method":"io.systemd.oom.Prekill.Other"}"#),
            json!({"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "io.systemd.oom.Prekill.Other"}})
        );
        assert_eq!(
            told(r#"{"method":"io.systemd.Other.Notify"}"#),
            json!({"error": "org.varlink.service.InterfaceNotFound", "parameters": {"interface": "io.systemd.Other"}})
        );
        let other = r#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}"#;
        assert_eq!(
            told(other),
            json!({"error": "org.varlink.service.InterfaceNotFound", "parameters": {"interface": "a.b"}})
        );
    }

    #[test]
    fn what_is_no_call_is_none_and_a_reply_may_be_unwanted() {
        for message in ["", "{}", "[]", r#"{"method":7}"#, r#"{"method":"a.b"} x"#, "\u{1}"] {
            assert_eq!(request(message.as_bytes()), None, "{message}");
        }
        let oneway = r#"{"method":"org.varlink.service.GetInfo","oneway":true,"unknown":[]}"#;
        assert!(request(oneway.as_bytes()).unwrap().is_oneway);
    }
}
