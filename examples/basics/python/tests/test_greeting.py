from greeting import greeting


def test_a_name_is_greeted():
    assert greeting("Ada") == "<p>Python greets Ada</p>\n"


def test_nobody_is_greeted_too():
    assert greeting(None) == "<p>Python greets you</p>\n"


def test_a_name_is_text():
    assert greeting("<b>") == "<p>Python greets &lt;b&gt;</p>\n"
