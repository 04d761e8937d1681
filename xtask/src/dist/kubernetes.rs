//! The Helm chart and the plain manifest: rendered by Helm's own code, and held against Kubernetes' published schemas.

use anyhow::{Result, ensure};

use crate::python::ask;
use crate::tally::Tally;
use crate::workspace;

/// Where the chart is.
pub(super) const CHART: &str = "packaging/kubernetes/oomtrace";

/// Helm v4 as a library, and the schemas of Kubernetes' API, as their Python packages.
const HELM: &str = "helm-python-sdk==0.2.2";
const SCHEMAS: &str = "kubernetes-validate==1.37.0";

/// Versions of Kubernetes that a manifest has to be valid for: the oldest that the chart names, and the newest with a schema.
const VERSIONS: &str = "1.25 1.30 1.37";

/// `[CHECK, what is wrong, or nothing]` of each check. Arguments: chart, manifest, our version, versions of Kubernetes.
const PROGRAM: &str = r#"
import json, sys
import helm_python as helm, kubernetes_validate, yaml
path, manifest, version, kubernetes = sys.argv[1:]
checks = []
def check(name, holds):
    try:
        wrong = holds() or ""
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    checks.append([name, str(wrong)])
def valid(text):
    for release in kubernetes.split():
        kubernetes_validate.validate(yaml.safe_load(text), release, strict=True)
def render(chart, values):
    return chart.render(values, name="oomtrace", namespace="monitoring")["oomtrace/templates/daemonset.yaml"]
everything = {"metrics": {"enabled": True}, "options": ["--max-size", "4G"], "podLabels": {"a": "b"}, "podAnnotations": {"a": "b"},
              "imagePullSecrets": [{"name": "a"}], "nodeSelector": {"a": "b"}, "image": {"tag": "x"}, "recordings": "/srv/oomtrace"}
plain = open(manifest).read()
check("plain manifest", lambda: valid(plain))
with helm.Chart.load(path) as chart:
    check("chart", lambda: valid(render(chart, {})))
    check("chart with all values", lambda: valid(render(chart, everything)))
    def refused():
        try:
            render(chart, {"metrcs": {}})
        except Exception:
            return
        return "a value of no such name is accepted"
    check("chart refuses unknown values", refused)
    def same():
        pod = lambda text: yaml.safe_load(text)["spec"]["template"]["spec"]
        if pod(plain) != pod(render(chart, {})):
            return "daemonset.yaml is not what the chart renders"
    check("chart is the manifest", same)
    def versions():
        about = yaml.safe_load(open(path + "/Chart.yaml"))
        if (about["version"], about["appVersion"]) != (version, version):
            return f"not of version {version}"
    check("chart version", versions)
print(json.dumps(checks))
"#;

/// Tells each check.
pub(super) fn tell(version: &str, tally: &mut Tally) -> Result<()> {
    let chart = workspace().join(CHART).display().to_string();
    let manifest = workspace()
        .join("packaging/kubernetes/daemonset.yaml")
        .display()
        .to_string();
    let checks = ask(&[HELM, SCHEMAS], PROGRAM, &[&chart, &manifest, version, VERSIONS])?;
    let checks: Vec<(String, String)> = serde_json::from_value(checks)?;
    ensure!(!checks.is_empty(), "no check was made");
    for (name, wrong) in checks {
        let held = if wrong.is_empty() {
            Ok(())
        } else {
            Err(anyhow::anyhow!(wrong))
        };
        tally.tell(&format!("kubernetes {name}"), held);
    }
    Ok(())
}
