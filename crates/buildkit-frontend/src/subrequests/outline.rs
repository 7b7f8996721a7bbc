//! What a target can be told, and what it needs.

use buildkit_gateway::GatewayResult;
use buildkit_gateway::errdefs::SourceInfo;
use serde::{Serialize, Serializer};

use super::table::table;
use super::{Location, answer, is_false};

/// What a target can be told, and what it needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outline {
    /// The target.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it can be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<OutlineArg>,
    /// Its secrets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<OutlineNeed>,
    /// Its agents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh: Vec<OutlineNeed>,
    /// Its cache mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cache: Vec<OutlineCache>,
    /// The sources that locations refer to.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "texts")]
    pub sources: Vec<SourceInfo>,
}

/// A parameter.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OutlineArg {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its value in this build.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// Where it is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A secret or an agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OutlineNeed {
    /// Its id.
    pub name: String,
    /// Whether the build fails without.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A cache mount.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OutlineCache {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// Where it is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Outline {
    /// The answer to [`Request::Outline`](super::Request::Outline).
    #[must_use]
    pub fn to_result(&self) -> GatewayResult {
        answer(self, self.text())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.name.is_empty() || !self.description.is_empty() {
            let name = if self.name.is_empty() { "(default)" } else { &self.name };
            let mut rows = vec![["TARGET:".to_owned(), name.to_owned()]];
            if !self.description.is_empty() {
                rows.push(["DESCRIPTION:".to_owned(), self.description.clone()]);
            }
            text += &(table(&rows, 1) + "\n");
        }
        if !self.args.is_empty() {
            let mut rows = vec![["BUILD ARG", "VALUE", "DESCRIPTION"].map(str::to_owned)];
            rows.extend(
                self.args
                    .iter()
                    .map(|arg| [arg.name.clone(), arg.value.clone(), arg.description.clone()]),
            );
            text += &(table(&rows, 3) + "\n");
        }
        for (title, needs) in [("SECRET", &self.secrets), ("SSH", &self.ssh)] {
            if needs.is_empty() {
                continue;
            }
            let mut rows = vec![[title, "REQUIRED"].map(str::to_owned)];
            rows.extend(needs.iter().map(|need| {
                [need.name.clone(), if need.required { "true".to_owned() } else { String::new() }]
            }));
            text += &(table(&rows, 3) + "\n");
        }
        text
    }
}

/// Sources as their texts in base64.
pub(super) fn texts<S: Serializer>(sources: &[SourceInfo], serializer: S) -> Result<S::Ok, S::Error> {
    use base64::Engine as _;
    let encode = |info: &SourceInfo| base64::engine::general_purpose::STANDARD.encode(&info.data);
    serializer.collect_seq(sources.iter().map(encode))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn an_outline_is_what_clients_read() {
        let outline = Outline {
            name: "app".into(),
            args: vec![
                OutlineArg { name: "NODE".into(), value: "18".into(), ..OutlineArg::default() },
                OutlineArg { name: "X".into(), description: "Rare.".into(), ..OutlineArg::default() },
            ],
            secrets: vec![OutlineNeed { name: "token".into(), required: true, location: None }],
            cache: vec![OutlineCache { id: "npm".into(), location: Some(Location::default()) }],
            sources: vec![SourceInfo { data: b"a".to_vec(), ..SourceInfo::default() }],
            ..Outline::default()
        };
        expect![[r#"
            TARGET: app

            BUILD ARG   VALUE   DESCRIPTION
            NODE        18      
            X                   Rare.

            SECRET   REQUIRED
            token    true

        "#]]
        .assert_eq(&outline.text());
        expect![[
            r#"{"name":"app","args":[{"name":"NODE","value":"18"},{"name":"X","description":"Rare."}],"secrets":[{"name":"token","required":true}],"cache":[{"ID":"npm","location":{}}],"sources":["YQ=="]}"#
        ]]
        .assert_eq(&serde_json::to_string(&outline).unwrap());
    }
}
