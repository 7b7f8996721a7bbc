//! Words, paths and texts that have gone wrong somewhere.

use super::Generator;

const TEXTS: [&str; 18] = [
    "plain",
    "two words",
    "<b>&amp;</b>",
    "a < b && c > d",
    "\u{2028}line\u{2029}",
    "\"quoted\" and \\ escaped\\",
    "tab\tand\r\nlines\n",
    "\u{0}\u{1}\u{8}\u{b}\u{c}\u{1f}\u{7f}",
    "ünïcödé → 😀",
    "e\u{301} and \u{e9}",
    "\u{200b}\u{feff}\u{fffd}",
    "$HOME ${x:-y} `z`",
    "*.[!a-c]?{d,e}",
    "!**/keep",
    "a/../b",
    "=",
    "{}",
    "/",
];

const PATHS: [&str; 24] = [
    "a",
    "a/b",
    "a/",
    "a/.",
    ".",
    "./",
    "",
    "..",
    "../",
    "../x",
    "../../../..",
    "./a/./b/../c",
    "a//b///c",
    "/",
    "/.",
    "//",
    "/abs",
    "/abs/",
    "/abs/.",
    "/abs/../x/",
    "/..",
    "/a b/ü😀",
    "*.txt",
    ".hidden",
];

const WORDS: [&str; 12] =
    ["alpha", "beta", "gamma", "delta", "x", "y-1", "z_2", "A.b", "007", "ß", "long-long-long-word", "0"];

impl Generator {
    /// Not empty, nor anything special.
    pub(crate) fn word(&mut self) -> String {
        let word = *self.pick(&WORDS);
        format!("{word}{}", self.between(0, 999))
    }

    /// Anything, not empty.
    pub(crate) fn text(&mut self) -> String {
        let parts = self.between(1, 3);
        (0..parts).map(|_| *self.pick(&TEXTS)).collect()
    }

    pub(crate) fn texts(&mut self) -> Vec<String> {
        let mut texts = self.list(1, 4, Self::text);
        if self.one_in(8) {
            texts.push(String::new());
        }
        texts
    }

    pub(crate) fn maybe_text(&mut self, one_in: usize) -> String {
        self.sometimes(one_in, Self::text).unwrap_or_default()
    }

    /// Relative or absolute, clean or not.
    pub(crate) fn path(&mut self) -> String {
        (*self.pick(&PATHS)).to_owned()
    }

    /// A path that is not the root, wherever it starts.
    pub(crate) fn named_path(&mut self) -> String {
        let mut path = self.path();
        if path.trim_matches(['.', '/']).is_empty() {
            path.push('f');
        }
        path
    }

    /// What a process can be given: anything but a zero byte.
    pub(crate) fn given(&mut self) -> String {
        self.text().replace('\0', "")
    }

    pub(crate) fn hex(&mut self, digits: usize) -> String {
        (0..digits).map(|_| char::from(*self.pick(b"0123456789abcdef"))).collect()
    }

    pub(crate) fn sha256(&mut self) -> String {
        format!("sha256:{}", self.hex(64))
    }

    /// Small, large or extreme.
    pub(crate) fn number(&mut self) -> i64 {
        match self.between(0, 5) {
            0 => -1,
            1 => i64::MAX,
            2 => i64::MIN,
            3 => i64::from_le_bytes(self.next().to_le_bytes()),
            _ => i64::try_from(self.between(1, 5000)).expect("a small number"),
        }
    }

    /// Of a user or a group.
    pub(crate) fn id(&mut self) -> u32 {
        *self.pick(&[0, 0, 1, 127, 128, 1000, 65534, 0x7fff_ffff])
    }

    pub(crate) fn mode(&mut self) -> u16 {
        *self.pick(&[0o644, 0o755, 0o600, 0o7777, 0o4755, 0o1000, 0, 0o400, 0o2])
    }
}
