//! What broke a sync off: bad weather is waited for, a refusal is not.

use super::super::error::Error;
use crate::domain::sync::Trouble;
use crate::kernel::fault::{Fault as _, Retry};
use crate::yclients;

#[must_use]
pub fn of(error: &Error) -> Trouble {
    match error {
        Error::Crm(yclients::Error::LicenceExpired) => Trouble::Licence,
        Error::Crm(yclients::Error::Forbidden(_) | yclients::Error::NotFound) => Trouble::Forbidden,
        Error::Crm(yclients::Error::Unauthorised) => Trouble::Unauthorised,
        error if error.retry() == Retry::Never => Trouble::Internal,
        _ => Trouble::Weather,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_weather() {
        for (error, expected) in [
            (yclients::Error::LicenceExpired, Trouble::Licence),
            (yclients::Error::Forbidden(String::new()), Trouble::Forbidden),
            (yclients::Error::NotFound, Trouble::Forbidden),
            (yclients::Error::Unauthorised, Trouble::Unauthorised),
            (yclients::Error::Throttled(None), Trouble::Weather),
            (yclients::Error::Upstream(502), Trouble::Weather),
            (yclients::Error::Malformed("half"), Trouble::Weather),
            (yclients::Error::Rejected { message: String::new(), fields: Vec::new() }, Trouble::Internal),
        ] {
            assert_eq!(of(&error.into()), expected);
        }
        assert_eq!(of(&Error::Overloaded), Trouble::Weather);
    }
}
