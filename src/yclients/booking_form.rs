//! The address of a salon's public booking form, with what is chosen in it.
//!
//! Of the undocumented option string `o=` only `m{staff}` and `s{service}` are used: what stands beyond them is known from one source
//! each. Contacts and a comment cannot be given by the address.

use url::Url;

use super::api::YclientsApi;
use crate::kernel::crm_id::{SalonId, ServiceId, StaffId};

/// Where the CRM's forms are; each salon's on a host below.
const HOSTS: [&str; 3] = ["yclients.com", "yclients.ru", "alteg.io"];

impl YclientsApi {
    /// The form at `form` with this service chosen, and this master; `None` when that is no address of the CRM's.
    #[must_use]
    pub fn form_address(
        &self,
        form: &str,
        salon: SalonId,
        service: ServiceId,
        staff: Option<StaffId>,
    ) -> Option<String> {
        address(self.base(), form, salon, service, staff)
    }
}

fn address(
    base: &str,
    form: &str,
    salon: SalonId,
    service: ServiceId,
    staff: Option<StaffId>,
) -> Option<String> {
    let mut url = Url::parse(form).ok().filter(|url| is_theirs(url, base))?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["company", &salon.to_string(), "personal", "menu"]);
    let master = staff.map(|staff| format!("m{staff}")).unwrap_or_default();
    url.set_query(Some(&format!("o={master}s{service}")));
    url.set_fragment(None);
    Some(url.into())
}

/// On one of their hosts by TLS, or on the very server we talk to.
fn is_theirs(url: &Url, base: &str) -> bool {
    if !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    let ours = Url::parse(base).is_ok_and(|base| base.origin() == url.origin());
    let host = url.host_str().unwrap_or_default();
    let below =
        |known: &&str| host == *known || host.strip_suffix(*known).is_some_and(|rest| rest.ends_with('.'));
    let is_web = matches!(url.scheme(), "http" | "https");
    is_web && (ours || url.scheme() == "https" && url.port().is_none() && HOSTS.iter().any(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "http://127.0.0.1:4001";

    fn of(form: &str, staff: Option<i64>) -> Option<String> {
        address(BASE, form, SalonId(990_101), ServiceId(201), staff.map(StaffId))
    }

    #[test]
    fn the_service_and_the_master_are_chosen_and_nothing_else_is_said() {
        let path = "company/990101/personal/menu";
        assert_eq!(
            of("https://n30501.yclients.com/", None),
            Some(format!("https://n30501.yclients.com/{path}?o=s201"))
        );
        assert_eq!(
            of("https://n30501.yclients.ru", Some(101)),
            Some(format!("https://n30501.yclients.ru/{path}?o=m101s201"))
        );
        assert_eq!(
            of("https://b1.alteg.io/?utm=1#top", None),
            Some(format!("https://b1.alteg.io/{path}?o=s201"))
        );
        assert_eq!(
            of("http://127.0.0.1:4001/form/n30501/", Some(101)),
            Some(format!("http://127.0.0.1:4001/form/n30501/{path}?o=m101s201"))
        );
    }

    #[test]
    fn nobody_is_led_to_a_foreign_host() {
        for form in [
            "",
            "n1.yclients.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://n1.yclients.com/",
            "http://n1.yclients.com/",
            "https://n1.yclients.com:8443/",
            "https://n1.yclients.com@evil.example/",
            "https://user@n1.yclients.com/",
            "https://yclients.com.evil.example/",
            "https://evilyclients.com/",
            "http://127.0.0.1:4002/form/n1/",
            "http://127.0.0.1/form/n1/",
        ] {
            assert_eq!(of(form, None), None, "{form}");
        }
    }
}
