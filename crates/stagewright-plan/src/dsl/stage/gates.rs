//! Gates: testers whose success is a condition.

use super::Stage;
use crate::dsl::role::Tester;

/// Testers whose success is a condition: `&unit`, `[&unit, &lint]`, `&testers`, or an `Option`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a gate",
    label = "expected a tester, by reference",
    note = "only a tester judges: `stage.tester(\"name\").run(…)`"
)]
pub trait Gates {
    #[doc(hidden)]
    fn testers(self) -> Vec<usize>;
}

#[diagnostic::do_not_recommend]
impl Gates for &Stage<Tester> {
    fn testers(self) -> Vec<usize> {
        vec![self.index]
    }
}

#[diagnostic::do_not_recommend]
impl<const N: usize> Gates for [&Stage<Tester>; N] {
    fn testers(self) -> Vec<usize> {
        self.iter().map(|tester| tester.index).collect()
    }
}

#[diagnostic::do_not_recommend]
impl Gates for &Vec<Stage<Tester>> {
    fn testers(self) -> Vec<usize> {
        self.iter().map(|tester| tester.index).collect()
    }
}

#[diagnostic::do_not_recommend]
impl<G: Gates> Gates for Option<G> {
    fn testers(self) -> Vec<usize> {
        self.map(Gates::testers).unwrap_or_default()
    }
}
