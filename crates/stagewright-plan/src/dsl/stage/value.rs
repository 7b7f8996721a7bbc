//! Texts of environment variables and labels.

use std::fmt::Display;

/// Text for an environment variable or a label: anything that can be displayed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not text for an env or a label",
    label = "this has no text",
    note = "a secret is given to one command: `sh(…).secret_env(\"NAME\", &secret)`"
)]
pub trait Value {
    #[doc(hidden)]
    fn value(self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display> Value for T {
    fn value(self) -> String {
        self.to_string()
    }
}
