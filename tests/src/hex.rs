//! Bytes as hexadecimal digits.

/// Two digits for each byte.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of [`hex`].
///
/// # Panics
///
/// When the text is not pairs of hexadecimal digits.
#[must_use]
pub fn unhex(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
        let byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        byte.unwrap_or_else(|| panic!("{text:?} is not pairs of hexadecimal digits"))
    };
    text.as_bytes().chunks(2).map(byte).collect()
}
