//! Varlink (varlink.org), as far as services of one interface need it: calls and replies are JSON objects, each ended by a NUL.
//!
//! In: the bytes of a call. Out: which method it calls, and the bytes of replies. What a method does is its service's
//! (`unit/prekill`, `sink/metrics/report`); `server` accepts and reads, `socket` has the place where a service listens.

#[cfg(test)]
pub(crate) mod client;
pub(crate) mod server;
pub(crate) mod socket;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A call in bytes, at most: a path of 4,096 bytes may have six for each (`\u0001`).
pub(crate) const MAX_CALL: u64 = 32 << 10;

/// An interface and its definition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interface {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
}

/// What every service answers to.
const SERVICE: Interface = Interface {
    name: "org.varlink.service",
    description: "interface org.varlink.service

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
error ExpectedMore ()
",
};

/// A message that calls a method.
#[derive(Debug, Deserialize)]
pub(crate) struct Call {
    method: String,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    more: Option<bool>,
    #[serde(default)]
    oneway: Option<bool>,
}

impl Call {
    /// The call in a message, without its NUL; `None` where it is none.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        serde_json::from_slice(message).ok()
    }

    /// The interface's name and the method's.
    fn parts(&self) -> (&str, &str) {
        self.method.rsplit_once('.').unwrap_or_default()
    }

    /// The method's name, without its interface's.
    pub(crate) fn method(&self) -> &str {
        self.parts().1
    }

    /// Whether nobody waits for a reply.
    pub(crate) fn is_oneway(&self) -> bool {
        self.oneway == Some(true)
    }

    /// A parameter that is a text.
    ///
    /// # Errors
    /// Where there is none of that name, or no text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Fault> {
        let value = self.parameters.as_ref().and_then(|parameters| parameters.get(name));
        let text = value.and_then(Value::as_str);
        text.ok_or_else(|| Fault::InvalidParameter(name.to_owned()))
    }

    /// Nothing, where the call has no parameters.
    ///
    /// # Errors
    /// With the first parameter that it has.
    pub(crate) fn no_parameters(&self) -> Result<(), Fault> {
        match &self.parameters {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Object(parameters)) => match parameters.keys().next() {
                None => Ok(()),
                Some(name) => Err(Fault::InvalidParameter(name.clone())),
            },
            Some(_) => Err(Fault::InvalidParameter("parameters".to_owned())),
        }
    }

    /// Nothing, where the caller takes more than one reply.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn several_replies(&self) -> Result<(), Fault> {
        if self.more == Some(true) {
            Ok(())
        } else {
            Err(Fault::ExpectedMore)
        }
    }

    /// The fault of calling a method that its interface does not have.
    pub(crate) fn unknown_method(&self) -> Fault {
        Fault::MethodNotFound(self.method.clone())
    }

    /// What a service with this interface replies to what every service is asked; `None` = it is the interface's own to answer.
    fn general(&self, own: Interface) -> Option<Result<Replies, Fault>> {
        let known = [own, SERVICE];
        let (interface, method) = self.parts();
        if interface == own.name {
            return None;
        }
        if interface != SERVICE.name {
            return Some(Err(Fault::InterfaceNotFound(interface.to_owned())));
        }
        Some(match method {
            "GetInfo" => Ok(Replies::one(&json!({
                "vendor": "oomtrace",
                "product": "oomtrace",
                "version": env!("CARGO_PKG_VERSION"),
                "url": "",
                "interfaces": known.map(|interface| interface.name),
            }))),
            "GetInterfaceDescription" => self.text("interface").and_then(|name| {
                let found = known.iter().find(|interface| interface.name == name);
                let found = found.ok_or_else(|| Fault::InterfaceNotFound(name.to_owned()))?;
                Ok(Replies::one(&json!({"description": found.description})))
            }),
            _ => Err(self.unknown_method()),
        })
    }
}

/// The errors of `org.varlink.service`, with their parameter.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    InterfaceNotFound(String),
    MethodNotFound(String),
    InvalidParameter(String),
    PermissionDenied,
    ExpectedMore,
}

/// The replies to one call, each with its NUL.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Replies(Vec<u8>);

/// As a reply is written.
#[derive(Serialize)]
struct Reply<'a, T> {
    parameters: &'a T,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    continues: bool,
}

impl Replies {
    /// One, with these parameters.
    pub(crate) fn one(parameters: &Value) -> Self {
        Self::several([parameters])
    }

    /// One for each of these; all but the last say that another follows.
    pub(crate) fn several<T: Serialize>(all: impl IntoIterator<Item = T>) -> Self {
        let mut replies = Self::default();
        let mut all = all.into_iter().peekable();
        while let Some(parameters) = all.next() {
            replies.put(&Reply {
                parameters: &parameters,
                continues: all.peek().is_some(),
            });
        }
        replies
    }

    /// The bytes to send.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Nothing that is put in has keys that are no texts, and so can be written.
    fn put(&mut self, message: &impl Serialize) {
        if serde_json::to_writer(&mut self.0, message).is_ok() {
            self.0.push(0);
        }
    }
}

impl From<Fault> for Replies {
    fn from(fault: Fault) -> Self {
        let (name, parameters) = match fault {
            Fault::InterfaceNotFound(name) => ("InterfaceNotFound", json!({"interface": name})),
            Fault::MethodNotFound(name) => ("MethodNotFound", json!({"method": name})),
            Fault::InvalidParameter(name) => ("InvalidParameter", json!({"parameter": name})),
            Fault::PermissionDenied => ("PermissionDenied", json!({})),
            Fault::ExpectedMore => ("ExpectedMore", json!({})),
        };
        let mut replies = Self::default();
        replies.put(&json!({"error": format!("{}.{name}", SERVICE.name), "parameters": parameters}));
        replies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Interface = Interface {
        name: "io.example.Own",
        description: "interface io.example.Own\n\nmethod Do() -> ()\n",
    };

    fn call(message: &str) -> Call {
        Call::read(message.as_bytes()).unwrap()
    }

    /// What a service that has [`OWN`] replies.
    fn told(message: &str) -> Value {
        let answer = call(message).general(OWN).unwrap();
        let replies = answer.unwrap_or_else(Replies::from);
        let (end, text) = replies.bytes().split_last().unwrap();
        assert_eq!(*end, 0);
        serde_json::from_slice(text).unwrap()
    }

    #[test]
    fn every_interface_that_is_named_is_described() {
        let info = told(r#"{"method":"org.varlink.service.GetInfo"}"#);
        let interfaces = info["parameters"]["interfaces"].as_array().unwrap();
        assert_eq!(interfaces, &["io.example.Own", "org.varlink.service"]);
        for name in interfaces {
            let call =
                json!({"method": "org.varlink.service.GetInterfaceDescription", "parameters": {"interface": name}});
            let told = told(&call.to_string());
            let line = format!("interface {}", name.as_str().unwrap());
            let description = told["parameters"]["description"].as_str().unwrap();
            assert!(description.lines().any(|known| known == line), "{told}");
        }
        assert!(call(r#"{"method":"io.example.Own.Do"}"#).general(OWN).is_none());
    }

    #[test]
    fn what_is_not_there_is_named_in_the_error() {
        assert_eq!(
            told(r#"{"method":"org.varlink.service.Other"}"#),
            json!({"error": "org.varlink.service.MethodNotFound", "parameters": {"method": "org.varlink.service.Other"}})
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
        let missing = r#"{"method":"org.varlink.service.GetInterfaceDescription","parameters":[]}"#;
        assert_eq!(
            told(missing),
            json!({"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": "interface"}})
        );
    }

    #[test]
    fn what_is_no_call_is_none_and_a_reply_may_be_unwanted() {
        for message in ["", "{}", "[]", r#"{"method":7}"#, r#"{"method":"a.b"} x"#, "\u{1}"] {
            assert!(Call::read(message.as_bytes()).is_none(), "{message}");
        }
        let oneway = r#"{"method":"org.varlink.service.GetInfo","oneway":true,"unknown":[]}"#;
        assert!(call(oneway).is_oneway());
    }

    #[test]
    fn all_replies_but_the_last_say_that_another_follows() {
        let replies = Replies::several([1, 2, 3]);
        let text = "{\"parameters\":1,\"continues\":true}\0{\"parameters\":2,\"continues\":true}\0{\"parameters\":3}\0";
        assert_eq!(replies.bytes(), text.as_bytes());
        assert_eq!(Replies::one(&json!({})).bytes(), b"{\"parameters\":{}}\0");
    }

    #[test]
    fn a_parameter_that_is_not_asked_for_is_refused_and_so_is_a_caller_of_one_reply() {
        let with = |more: &str| call(&format!(r#"{{"method":"io.example.Own.Do"{more}}}"#));
        for none in ["", r#","parameters":null"#, r#","parameters":{}"#] {
            assert_eq!(with(none).no_parameters(), Ok(()), "{none}");
        }
        let fault = |name: &str| Err(Fault::InvalidParameter(name.to_owned()));
        assert_eq!(with(r#","parameters":{"a":null}"#).no_parameters(), fault("a"));
        assert_eq!(with(r#","parameters":[]"#).no_parameters(), fault("parameters"));
        assert_eq!(with(r#","more":true"#).several_replies(), Ok(()));
        for one in ["", r#","more":false"#, r#","more":null"#] {
            assert_eq!(with(one).several_replies(), Err(Fault::ExpectedMore), "{one}");
        }
        assert_eq!(
            Replies::from(Fault::ExpectedMore).bytes(),
            b"{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}\0"
        );
    }
}
