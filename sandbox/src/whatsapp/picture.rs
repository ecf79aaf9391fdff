//! The phone's camera: finds QR codes in a picture of a screen.
//!
//! A screenshot is clean but large: the code is a small part of it, beside text and buttons, light on dark perhaps, and of any
//! scale. So the picture is looked at several times, the likeliest way first, until a code reads.

use std::io::Cursor;
use std::time::{Duration, Instant};

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageDecoder as _, ImageError, ImageReader, Limits};
use rqrr::PreparedImage;

/// The largest file that is looked at.
pub const MAX_BYTES: usize = 8 << 20;
/// An 8K screen. A small file can hold far more, and would fill the memory.
const MAX_PIXELS: u64 = 7_680 * 4_320;
/// Up to here a picture is worth enlarging: a code scaled down to a pixel or two a module is not found otherwise.
const SMALL: u32 = 1_500_000;
/// Looking stops after this, found or not; an unoptimised build needs a second for a large screen.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a picture says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blurred {
    #[error("this is no picture: a PNG or a JPEG is needed")]
    NotAPicture,
    #[error("the picture is too large: at most 8 MB and 33 million pixels")]
    TooLarge,
    #[error("there is no QR code in this picture: take the whole code, with the white border around it")]
    NoCode,
}

/// The texts of all codes in a PNG or a JPEG. Slow: call it where it holds up nobody.
pub fn read(file: &[u8]) -> Result<Vec<String>, Blurred> {
    let picture = open(file)?;
    let until = Instant::now() + PATIENCE;
    for size in sizes(picture.width(), picture.height()) {
        let scaled;
        let picture = if size == picture.dimensions() {
            &picture
        } else {
            scaled = imageops::resize(&picture, size.0, size.1, FilterType::CatmullRom);
            &scaled
        };
        for dark in [false, true] {
            let found = codes(picture, dark);
            if !found.is_empty() {
                return Ok(found);
            }
            if Instant::now() > until {
                return Err(Blurred::NoCode);
            }
        }
    }
    Err(Blurred::NoCode)
}

fn open(file: &[u8]) -> Result<GrayImage, Blurred> {
    if file.len() > MAX_BYTES {
        return Err(Blurred::TooLarge);
    }
    let mut reader =
        ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| Blurred::NotAPicture)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    let too_large = |error: ImageError| match error {
        ImageError::Limits(_) => Blurred::TooLarge,
        _ => Blurred::NotAPicture,
    };
    let decoder = reader.into_decoder().map_err(too_large)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Blurred::TooLarge);
    }
    let picture = image::DynamicImage::from_decoder(decoder).map_err(too_large)?;
    Ok(picture.into_luma8())
}

/// In which sizes to look, in this order.
fn sizes(width: u32, height: u32) -> Vec<(u32, u32)> {
    let mut sizes = vec![(width, height)];
    if width * height <= SMALL {
        sizes.extend([(width * 2, height * 2), (width * 3, height * 3)]);
    }
    // Blurs away what a lossy picture or an odd scale has put between the modules.
    sizes.push((width.div_ceil(2), height.div_ceil(2)));
    sizes
}

fn codes(picture: &GrayImage, dark: bool) -> Vec<String> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.as_raw();
    let flip = if dark { 0xff } else { 0 };
    let mut prepared =
        PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * width + x] ^ flip);
    prepared.detect_grids().iter().filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}
