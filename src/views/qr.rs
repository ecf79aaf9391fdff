//! The QR picture, drawn by the server: one path of horizontal runs, so that it is small, crisp, and needs no script.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// White modules around the code; scanners want four.
const QUIET: usize = 4;

/// The code as SVG. Empty for a text no QR code can hold (about 2.9 KB): WhatsApp's are some 240 bytes.
#[must_use]
pub fn svg(raw: &str) -> String {
    titled(raw, "WhatsApp QR")
}

/// The same with a title of its own, which must be ours: it is put into the picture as it is.
#[must_use]
pub fn titled(raw: &str, title: &'static str) -> String {
    // The lowest correction level gives the largest modules: a screen is clean, distance and light are the problem.
    let Ok(code) = QrCode::with_error_correction_level(raw, EcLevel::L) else {
        return String::new();
    };
    let width = code.width();
    let side = width + 2 * QUIET;
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a String cannot fail, here and below.
    let _ = write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" shape-rendering="crispEdges"><title>{title}</title><path fill="#fff" d="M0 0h{side}v{side}H0z"/><path d=""##
    );
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run[0] == Color::Dark {
                let _ = write!(out, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    out.push_str(r#""/></svg>"#);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whatsapp_code_is_drawn_small_and_fast() {
        let raw = format!("2@{},{},{},{}", "A".repeat(88), "b".repeat(44), "C".repeat(44), "d".repeat(44));
        let started = std::time::Instant::now();
        let picture = svg(&raw);
        // Unoptimised builds take a few milliseconds; release takes well under one.
        assert!(started.elapsed().as_millis() < 100);
        assert!(picture.starts_with("<svg") && picture.ends_with("</svg>"));
        assert!(picture.len() < 24 * 1024, "{}", picture.len());
        assert!(!picture.contains("style"));
    }

    #[test]
    fn a_text_too_long_gives_no_picture() {
        assert_eq!(svg(&"x".repeat(4000)), "");
    }
}
