use basic::greeting;

#[test]
fn a_name_is_greeted() {
    assert_eq!(greeting(Some("Ada")), "<p>Rust greets Ada</p>\n");
}

#[test]
fn nobody_is_greeted_too() {
    assert_eq!(greeting(None), "<p>Rust greets you</p>\n");
}

#[test]
fn a_name_is_text() {
    assert_eq!(greeting(Some("<b>")), "<p>Rust greets &lt;b&gt;</p>\n");
}
