//! What the services are asked once they run, and what they must answer.

use anyhow::{Context as _, Result, bail};

/// A service of the example.
pub(super) struct Service {
    /// Its name, and that of its target.
    pub(super) name: &'static str,
    /// What it is asked, in order.
    pub(super) requests: &'static [Request],
    /// A file that it finds in a directory: its name, its text, and the directory.
    pub(super) job: Option<(&'static str, &'static str, &'static str)>,
    /// What it writes to its log by then.
    pub(super) writes: &'static str,
}

/// A request, and its answer.
pub(super) struct Request {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    status: &'static str,
    /// Texts that must stand in the answer.
    contains: &'static [&'static str],
}

/// The services, which have nothing in common but this monorepo.
pub(super) const SERVICES: [Service; 3] = [
    Service {
        name: "api",
        requests: &[
            Request {
                method: "POST",
                path: "/orders",
                body: r#"{"customer":"Ada","lines":[{"sku":"chair","quantity":2}]}"#,
                status: "201",
                contains: &[r#""customer":"Ada""#, r#""total":"179.00 EUR""#],
            },
            Request {
                method: "POST",
                path: "/orders",
                body: r#"{"customer":"Ada","lines":[{"sku":"boat","quantity":1}]}"#,
                status: "422",
                contains: &["one of chair, lamp, nail is needed"],
            },
        ],
        job: None,
        writes: "api listens on 3001",
    },
    Service {
        name: "worker",
        requests: &[Request {
            method: "GET",
            path: "/health",
            body: "",
            status: "200",
            contains: &[r#""status":"ok""#, r#""priced":1"#],
        }],
        job: Some(("lamp.json", r#"{"customer":"Grace","lines":[{"sku":"lamp","quantity":3}]}"#, "/jobs")),
        writes: r#"{"job":"lamp.json","state":"priced","customer":"Grace","total":"102.00 EUR"}"#,
    },
    Service {
        name: "web",
        requests: &[Request {
            method: "GET",
            path: "/",
            body: "",
            status: "200",
            contains: &["<title>The shop</title>", "<td>Oak chair</td><td>89.50 EUR</td>"],
        }],
        job: None,
        writes: "web listens on 8080",
    },
];

/// Sends one request to the service beside it: the images have no curl.
const ASK: &str = "const [method, path, body] = process.argv.slice(1); \
    const headers = { 'content-type': 'application/json' }; \
    const url = `http://127.0.0.1:${process.env.PORT}${path}`; \
    const answer = await fetch(url, { method, body: body || undefined, headers }); \
    console.log(answer.status); \
    console.log(await answer.text());";

impl Request {
    /// The program that asks it from inside the container.
    pub(super) fn program(&self) -> Vec<String> {
        let words = ["node", "--input-type=module", "--eval", ASK, "--", self.method, self.path, self.body];
        words.map(str::to_owned).to_vec()
    }

    /// The request as a person reads it.
    pub(super) fn line(&self) -> String {
        [self.method, self.path, self.body].join(" ").trim_end().to_owned()
    }

    /// Checks what the program wrote; gives the status, and the lines that matter.
    pub(super) fn check(&self, written: &str) -> Result<String> {
        let (status, body) = written.split_once('\n').context("there was no answer")?;
        let missing = self.contains.iter().find(|part| !body.contains(**part));
        if status != self.status || missing.is_some() {
            bail!(
                "{} {} should be answered with {} and {}, but was with {status} and {}",
                self.method,
                self.path,
                self.status,
                self.contains.join(" and "),
                body.trim(),
            );
        }
        let matters = |line: &&str| self.contains.iter().any(|part| line.contains(part));
        let lines: Vec<&str> = body.lines().map(str::trim).filter(matters).collect();
        Ok(format!("{status} {}", lines.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request =
        Request { method: "GET", path: "/", body: "", status: "200", contains: &["<title>", "<td>"] };

    #[test]
    fn the_lines_that_matter_are_given() {
        let answer = "200\n<html>\n<title>T</title>\n<tr><td>1</td></tr>\n</html>\n";
        assert_eq!(REQUEST.check(answer).unwrap(), "200 <title>T</title> <tr><td>1</td></tr>");
    }

    #[test]
    fn another_answer_is_refused_with_what_was_expected() {
        let error = |answer: &str| REQUEST.check(answer).unwrap_err().to_string();
        let expected = "GET / should be answered with 200 and <title> and <td>, but was with";
        assert_eq!(error("404\nno such page\n"), format!("{expected} 404 and no such page"));
        assert_eq!(error("200\n<title>\n"), format!("{expected} 200 and <title>"));
    }
}
