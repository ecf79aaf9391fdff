//! A client's pages as a client walks them: in Chromium, on a phone and at a desk, in both languages.

use crate::browser::drive;
use crate::client_kit::ANNA;
use crate::kit::Salon;
use salonbridge::boot::demo_trip;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_signs_in_books_and_sees_it_come_in_a_browser() {
    let salon = Salon::generous().await;
    let visited = json!({"attendance": 1, "date": demo_trip::visit_time(-1, 12), "datetime": null});
    salon.hear(201, "create", visited).await;
    assert_eq!(salon.client(ANNA).await["balance"], 22_500, "a tenth of what she paid");
    let home = format!("{}/salons/{}", salon.world.product_url, demo_trip::SALON);
    let told = [
        ("PRODUCT", salon.world.product_url.as_str()),
        ("YCLIENTS", salon.world.yclients_url.as_str()),
        ("WHATSAPP", salon.world.whatsapp_url.as_str()),
        ("TENANT", salon.tenant.as_str()),
        ("SALON_PAGE", home.as_str()),
        ("CLIENT_PHONE", demo_trip::CLIENT_PHONE),
    ];
    drive("client.mjs", told).await;
    salon.world.stop().await;
}
