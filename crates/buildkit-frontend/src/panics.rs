//! Panics as errors: what was said, and where.

use std::any::Any;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};

use buildkit_gateway::GatewayError;
use futures_util::FutureExt as _;

/// Where the last panic was.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Runs a future. If it panics, gives an error with the panic's message and place.
pub(crate) async fn catch<T>(
    future: impl Future<Output = Result<T, GatewayError>>,
) -> Result<T, GatewayError> {
    watch();
    let outcome = AssertUnwindSafe(future).catch_unwind().await;
    outcome.unwrap_or_else(|payload| Err(told(&*payload)))
}

/// Notes the place of panics from now on, before whatever is done with them.
fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = info.location().map(ToString::to_string);
            others(info);
        }));
    });
}

fn told(payload: &(dyn Any + Send)) -> GatewayError {
    let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).take();
    let place = place.unwrap_or_else(|| "an unknown place".to_owned());
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (None, Some(text)) => text.as_str(),
        (None, None) => "no message",
    };
    GatewayError::new(format!("the frontend panicked at {place}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_its_place() {
        let build = async {
            let named: Vec<u32> = Vec::new();
            let first = named.first().expect("a stage");
            Ok(*first)
        };
        let error = catch(build).now_or_never().unwrap().unwrap_err();
        let line = line!() - 4;
        let place = format!("{}:{line}:", file!());
        assert!(error.message().contains(&place), "{error} at {place}");
        assert!(error.message().ends_with(": a stage"), "{error}");
    }

    #[test]
    fn what_does_not_panic_passes() {
        assert_eq!(catch(async { Ok(1) }).now_or_never().unwrap().unwrap(), 1);
    }
}
