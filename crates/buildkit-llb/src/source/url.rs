//! URLs as Go's net/url reads and writes them, as far as git sources need it.
//!
//! Their text decides digests, and Go neither lower-cases hosts nor drops ports as browsers do. Rules of Go 1.26
//! net/url for URLs with a scheme and `//`.

use std::net::Ipv6Addr;

/// A URL in its parts, decoded; the path is there as it was written too.
#[derive(Debug)]
pub(super) struct Url {
    pub(super) scheme: String,
    /// With its `@`, escaped anew; empty for none.
    userinfo: String,
    pub(super) host: String,
    pub(super) path: String,
    raw_path: String,
    pub(super) has_query: bool,
    pub(super) fragment: String,
}

/// What is wrong with a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// A character such as a line break.
    #[error("has a control character")]
    Control,
    /// A percent sign without two hexadecimal digits, or one that may not be there.
    #[error("has {escape:?} where a percent sign and two hexadecimal digits are expected")]
    Escape {
        /// What follows the percent sign, with it.
        escape: String,
    },
    /// Bytes that are no text.
    #[error("has escaped bytes that are not UTF-8")]
    NotUtf8,
    /// No host.
    #[error("has no host")]
    NoHost,
    /// A character that no host has, or brackets around something that is no IPv6 address.
    #[error("has {host:?} where a host is expected")]
    Host {
        /// What stands there.
        host: String,
    },
    /// A port that is no number.
    #[error("has {port:?} where a port is expected")]
    Port {
        /// What stands there, with its colon.
        port: String,
    },
    /// A character in user name or password that has to be escaped.
    #[error("has a user name or password with a character that has to be escaped")]
    Userinfo,
    /// A query, which no remote is given.
    #[error("has a query, which git is not given")]
    Query,
}

impl Url {
    /// Reads `scheme://[user[:password]@]host[:port][/path][?query][#fragment]`.
    pub(super) fn parse(whole: &str) -> Result<Self, UrlProblem> {
        let (text, fragment) = whole.split_once('#').unwrap_or((whole, ""));
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(UrlProblem::Control);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlProblem::NoHost)?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, raw_path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (userinfo, host) = match authority.rsplit_once('@') {
            None => (String::new(), authority),
            Some((userinfo, host)) => (parse_userinfo(userinfo)?, host),
        };
        let scheme = scheme.to_ascii_lowercase();
        // Before a password's `/`, what stands there is no host to be shown.
        let is_userinfo = userinfo.is_empty() && whole.contains('@');
        let host = parse_host(&scheme, host)
            .map_err(|problem| if is_userinfo { UrlProblem::Userinfo } else { problem })?;
        if host.is_empty() {
            return Err(UrlProblem::NoHost);
        }
        Ok(Self {
            scheme,
            userinfo,
            host,
            path: text_of(unescape(raw_path)?)?,
            raw_path: raw_path.to_owned(),
            has_query: query.is_some(),
            fragment: text_of(unescape(fragment)?)?,
        })
    }

    /// The URL without query and fragment.
    pub(super) fn without_options(&self) -> String {
        let host = escape(self.host.as_bytes(), is_host_byte);
        let as_written = self.raw_path.bytes().all(|b| is_path_byte(b) || b"!'()*[]%".contains(&b));
        let path =
            if as_written { self.raw_path.clone() } else { escape(self.path.as_bytes(), is_path_byte) };
        format!("{}://{}{host}{path}", self.scheme, self.userinfo)
    }
}

/// A URL, or what should be one, for messages: without user name and password, which can be a secret each.
///
/// A password that is not escaped may have any character, so nothing before the last `@` is shown where the text
/// begins as if there were one.
pub(crate) fn without_userinfo(text: &str) -> String {
    let is_scheme = |scheme: &str| scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    let start = if scheme.is_empty() || !is_scheme(scheme) { 0 } else { scheme.len() + 3 };
    let authority = text[start..].split(['/', '?', '#']).next().unwrap_or_default();
    match text.rfind('@') {
        Some(at) if at >= start && authority.contains(['@', ':']) => {
            format!("{}…{}", &text[..start], &text[at..])
        }
        _ => text.to_owned(),
    }
}

fn parse_userinfo(text: &str) -> Result<String, UrlProblem> {
    if !text.bytes().all(|b| is_unreserved(b) || b":!$&'()*+,;=%@".contains(&b)) {
        return Err(UrlProblem::Userinfo);
    }
    let again = |part: &str| {
        let bytes = unescape(part).map_err(|_| UrlProblem::Userinfo)?;
        Ok(escape(&bytes, is_userinfo_byte))
    };
    match text.split_once(':') {
        None => Ok(again(text)? + "@"),
        Some((name, password)) => Ok(format!("{}:{}@", again(name)?, again(password)?)),
    }
}

fn parse_host(scheme: &str, text: &str) -> Result<String, UrlProblem> {
    let wrong = || UrlProblem::Host { host: text.to_owned() };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.rsplit_once(']').ok_or_else(wrong)?;
        check_port(port)?;
        let (bytes, zone) = address.split_once("%25").map_or((address, ""), |(bytes, zone)| (bytes, zone));
        bytes.parse::<Ipv6Addr>().map_err(|_| wrong())?;
        let zone = if zone.is_empty() { String::new() } else { format!("%{}", text_of(unescape(zone)?)?) };
        return Ok(format!("[{bytes}{zone}]{port}"));
    }
    if text.contains('[') {
        return Err(wrong());
    }
    // Several colons were always taken for part of the host, and still are where it is not the web's.
    let is_web = matches!(scheme, "http" | "https");
    if let Some(colon) = if is_web { text.find(':') } else { text.rfind(':') } {
        check_port(&text[colon..])?;
    }
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii() && !is_host_byte(c as u8)) {
        // Only what is not ASCII is escaped in a host, and the percent sign itself.
        let escaped = rest
            .get(start..start + 3)
            .filter(|escape| escape.starts_with('%'))
            .ok_or_else(wrong)?;
        if escaped != "%25" && !escaped.as_bytes()[1].to_ascii_lowercase().ge(&b'8') {
            return Err(UrlProblem::Escape { escape: escaped.to_owned() });
        }
        rest = &rest[start + 3..];
    }
    text_of(unescape(text)?)
}

fn check_port(text: &str) -> Result<(), UrlProblem> {
    match text.strip_prefix(':') {
        Some(number) if number.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        None if text.is_empty() => Ok(()),
        _ => Err(UrlProblem::Port { port: text.to_owned() }),
    }
}

fn text_of(bytes: Vec<u8>) -> Result<String, UrlProblem> {
    String::from_utf8(bytes).map_err(|_| UrlProblem::NotUtf8)
}

fn unescape(text: &str) -> Result<Vec<u8>, UrlProblem> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |at: usize| after.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else {
            let escape = format!("%{}", String::from_utf8_lossy(after.get(..2).unwrap_or(after)));
            return Err(UrlProblem::Escape { escape });
        };
        bytes.push(u8::try_from(high << 4 | low).unwrap_or_default());
        rest = &after[2..];
    }
    Ok(bytes)
}

fn escape(bytes: &[u8], is_kept: fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_kept(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"$&+,/:;=@".contains(&byte)
}

fn is_userinfo_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"$&+,;=".contains(&byte)
}

fn is_host_byte(byte: u8) -> bool {
    is_unreserved(byte) || b"!\"$&'()*+,:;<=>[]".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_go_writes_it() {
        for (text, expected) in [
            ("https://github.com/moby/buildkit.git", "https://github.com/moby/buildkit.git"),
            ("HTTPS://GitHub.com/A#f", "https://GitHub.com/A"),
            ("https://host", "https://host"),
            ("https://host:/p?q", "https://host:/p"),
            ("https://u@host/p", "https://u@host/p"),
            ("https://u:p%40s@host/p", "https://u:p%40s@host/p"),
            ("https://u:p@s@host/p", "https://u:p%40s@host/p"),
            ("https://h/a b", "https://h/a%20b"),
            ("https://h/a%2fb", "https://h/a%2fb"),
            ("https://h/a%2fb c", "https://h/a/b%20c"),
            ("https://h/(a)!", "https://h/(a)!"),
            ("https://h/é", "https://h/%C3%A9"),
            ("https://é/p", "https://%C3%A9/p"),
            ("https://[::1]:5/p", "https://[::1]:5/p"),
            ("ssh://h:1:2/p", "ssh://h:1:2/p"),
        ] {
            let url = Url::parse(text).unwrap_or_else(|problem| panic!("{text:?} {problem}"));
            assert_eq!(url.without_options(), expected, "{text:?}");
        }
        let url = Url::parse("https://h/a%2Fb%C3%A9?q#f%20g").unwrap();
        assert_eq!((url.path.as_str(), url.fragment.as_str(), url.has_query), ("/a/bé", "f g", true));
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, expected) in [
            ("https:///p", "no host"),
            ("https://a\nb/p", "control character"),
            ("https://h/%zz", "\"%zz\" where a percent sign"),
            ("https://h/%ff", "not UTF-8"),
            ("https://a b/p", "where a host"),
            ("https://a%20b/p", "\"%20\" where a percent"),
            ("https://a[::1]/p", "where a host"),
            ("https://[::g]/p", "where a host"),
            ("https://h:x/p", "where a port"),
            ("https://h:1:2/p", "where a port"),
            ("https://a b@h/p", "user name or password"),
        ] {
            let problem = Url::parse(text).unwrap_err().to_string();
            assert!(problem.contains(expected), "{text:?} {problem}");
        }
    }

    #[test]
    fn messages_have_no_passwords() {
        for (text, expected) in [
            ("https://me:secret@h/a", "https://…@h/a"),
            ("https://token@h/a", "https://…@h/a"),
            ("me:secret@h/a", "…@h/a"),
            ("https://me:se/cr?et#@@h/a", "https://…@h/a"),
            ("git@h:a", "…@h:a"),
            ("https://h/a@v1", "https://h/a@v1"),
            ("https://h/a", "https://h/a"),
            ("://me:secret@h", "…@h"),
            ("", ""),
        ] {
            assert_eq!(without_userinfo(text), expected, "{text:?}");
        }
        for text in
            ["https://me:secret/@h", "https://me:secret#@h", "https://me:secret%zz@h", "https://[secret/@h"]
        {
            assert_eq!(Url::parse(text).err(), Some(UrlProblem::Userinfo), "{text:?}");
        }
    }
}
