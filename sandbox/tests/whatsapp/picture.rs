//! A phone held up to a screen: codes read from pictures.

use std::io::Cursor;
use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat, Luma};
use qrcode::{Color, EcLevel, QrCode};
use serde_json::json;

use crate::kit::{Companion, SALON, Stage};

const INK: u8 = 0x18;
const PAPER: u8 = 0xff;

/// A code with its white border, so many pixels a module.
fn code(text: &str, module: u32) -> GrayImage {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).expect("a code");
    let width = u32::try_from(code.width()).expect("small");
    let colors = code.to_colors();
    GrayImage::from_fn((width + 8) * module, (width + 8) * module, |x, y| {
        let at = |pixel: u32| (pixel / module).checked_sub(4).filter(|it| *it < width);
        let dark = at(x).zip(at(y)).is_some_and(|(x, y)| colors[(y * width + x) as usize] == Color::Dark);
        Luma([if dark { INK } else { PAPER }])
    })
}

/// A screen with windows, lines of writing, and the code somewhere on it.
fn screen(text: &str, module: u32) -> GrayImage {
    let mut screen = GrayImage::from_fn(1920, 1080, |x, y| {
        let writing = x % 640 > 40 && y % 28 < 12 && (x / 3 + y / 4 * 7) % 5 < 2;
        Luma([if y < 80 {
            0x40
        } else if writing {
            0x30
        } else {
            0xf2
        }])
    });
    imageops::replace(&mut screen, &code(text, module), 1_130, 420);
    screen
}

fn inverted(mut picture: GrayImage) -> GrayImage {
    imageops::invert(&mut picture);
    picture
}

fn scaled(picture: &GrayImage, by: f64) -> GrayImage {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand pixels")]
    let side = |length: u32| (f64::from(length) * by) as u32;
    imageops::resize(picture, side(picture.width()), side(picture.height()), FilterType::Triangle)
}

fn file(picture: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("written");
    file.into_inner()
}

/// A code as a companion would show it, but of nobody: where it is read, the server answers that it has expired.
fn nobodys() -> String {
    let key = "A".repeat(43) + "=";
    format!("https://wa.me/settings/linked_devices#2@{},{key},{key},{key},1", "R".repeat(80))
}

#[tokio::test]
async fn a_picture_of_the_code_links_a_companion() {
    let stage = Stage::open().await;
    let mut companion = Companion::start(&stage, Arc::default(), None).await;
    let picture = file(&screen(&companion.qr().await, 4), ImageFormat::Png);
    let (status, linked) = stage.post_bytes(&format!("/phones/{SALON}/scan-picture"), picture).await;
    assert_eq!(status, 200, "{linked}");
    assert_eq!(linked["device"], 1);
    companion.connected().await;
    assert_eq!(stage.get(&format!("/phones/{SALON}")).await["companions"], json!([1]));
    companion.stop().await;
}

#[tokio::test]
async fn a_code_is_found_wherever_it_is_on_a_screen() {
    let stage = Stage::open().await;
    let text = nobodys();
    for (what, picture, format) in [
        ("the code alone", code(&text, 5), ImageFormat::Png),
        ("light on dark", inverted(code(&text, 5)), ImageFormat::Png),
        ("small", code(&text, 2), ImageFormat::Png),
        ("a lossy picture", code(&text, 5), ImageFormat::Jpeg),
        ("a screen", screen(&text, 5), ImageFormat::Png),
        ("a dark screen", inverted(screen(&text, 5)), ImageFormat::Png),
        ("a lossy screen", screen(&text, 5), ImageFormat::Jpeg),
        ("a screen scaled up", scaled(&screen(&text, 5), 2.0), ImageFormat::Png),
        ("a screen scaled oddly", scaled(&screen(&text, 6), 0.7), ImageFormat::Png),
        ("a screen scaled down", scaled(&screen(&text, 5), 0.5), ImageFormat::Png),
    ] {
        let picture = file(&picture, format);
        let (status, answer) = stage.post_bytes(&format!("/phones/{SALON}/scan-picture"), picture).await;
        assert_eq!(status, 410, "{what}: {answer}");
    }
}

#[tokio::test]
async fn a_picture_without_a_code_of_whatsapp_is_refused_with_a_reason() {
    let stage = Stage::open().await;
    let blank = GrayImage::from_pixel(800, 600, Luma([PAPER]));
    let vast = GrayImage::from_pixel(6_000, 6_000, Luma([PAPER]));
    let png = |picture: &GrayImage| file(picture, ImageFormat::Png);
    for (picture, expected, word) in [
        (png(&blank), 422, "no QR code"),
        (png(&code("https://example.test/menu", 6)), 400, "not a linking code"),
        (b"<html>not found</html>".to_vec(), 415, "PNG or a JPEG"),
        (Vec::new(), 415, "PNG or a JPEG"),
        (png(&code("x", 6))[..200].to_vec(), 415, "PNG or a JPEG"),
        (png(&vast), 413, "too large"),
        (vec![0; 9 << 20], 413, "too large"),
    ] {
        let (status, answer) = stage.post_bytes(&format!("/phones/{SALON}/scan-picture"), picture).await;
        let said = answer["error"].as_str().unwrap_or_default();
        assert_eq!(status, expected, "{said}");
        assert!(said.contains(word), "{said}");
    }
    let nobody = stage.post_bytes("/phones/70000000000/scan-picture", png(&blank)).await;
    assert_eq!(nobody.0, 404);
}
