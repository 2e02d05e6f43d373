//! From the pixel formats of cameras to I420 without gaps.

/// A raw pixel format that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RawFormat {
    /// Planes Y, U and V.
    I420,
    /// A plane of Y, and one of U and V in turns.
    Nv12,
    /// Y, U, Y, V for each two pixels.
    Yuyv,
}

/// What a camera says about its pictures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// How the pixels are stored.
    pub(super) format: RawFormat,
    /// Pixels per row, even.
    pub(super) width: usize,
    /// Rows, even.
    pub(super) height: usize,
    /// Bytes from one row to the next, of the first plane.
    pub(super) stride: usize,
}

/// The picture as I420; nothing when `bytes` are too few for `layout`: a damaged picture.
pub(super) fn to_i420(bytes: &[u8], layout: Layout) -> Option<Vec<u8>> {
    match layout.format {
        RawFormat::I420 => from_i420(bytes, layout),
        RawFormat::Nv12 => from_nv12(bytes, layout),
        RawFormat::Yuyv => from_yuyv(bytes, layout),
    }
}

/// The first `take` bytes of each of `count` rows.
fn rows(bytes: &[u8], stride: usize, count: usize, take: usize) -> Option<impl Iterator<Item = &[u8]>> {
    let whole = stride.checked_mul(count - 1)?.checked_add(take)?;
    (take <= stride && bytes.len() >= whole)
        .then(|| bytes.chunks(stride).take(count).map(move |row| &row[..take]))
}

fn from_i420(bytes: &[u8], layout: Layout) -> Option<Vec<u8>> {
    let Layout { width, height, stride, .. } = layout;
    let mut picture = Vec::with_capacity(width * height * 3 / 2);
    let mut rest = bytes;
    for by in [1, 2, 2] {
        let (stride, height) = (stride / by, height / by);
        rows(rest, stride, height, width / by)?.for_each(|row| picture.extend_from_slice(row));
        rest = rest.get(stride * height..).unwrap_or_default();
    }
    Some(picture)
}

fn from_nv12(bytes: &[u8], layout: Layout) -> Option<Vec<u8>> {
    let Layout { width, height, stride, .. } = layout;
    let mut picture = Vec::with_capacity(width * height * 3 / 2);
    rows(bytes, stride, height, width)?.for_each(|row| picture.extend_from_slice(row));
    let chroma = bytes.get(stride * height..)?;
    for offset in [0, 1] {
        for row in rows(chroma, stride, height / 2, width)? {
            picture.extend(row.iter().skip(offset).step_by(2));
        }
    }
    Some(picture)
}

fn from_yuyv(bytes: &[u8], layout: Layout) -> Option<Vec<u8>> {
    let Layout { width, height, stride, .. } = layout;
    let lines: Vec<&[u8]> = rows(bytes, stride, height, width * 2)?.collect();
    let mut picture = Vec::with_capacity(width * height * 3 / 2);
    lines.iter().for_each(|row| picture.extend(row.iter().step_by(2)));
    for offset in [1, 3] {
        for pair in lines.chunks_exact(2) {
            let of = |row: &'_ [u8]| row.iter().skip(offset).step_by(4).copied().collect::<Vec<u8>>();
            picture.extend(of(pair[0]).into_iter().zip(of(pair[1])).map(|(a, b)| a.midpoint(b)));
        }
    }
    Some(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    const I420: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 20, 21, 30, 31];

    fn layout(format: RawFormat, stride: usize) -> Layout {
        Layout { format, width: 4, height: 2, stride }
    }

    #[test]
    fn every_format_gives_the_same_picture() {
        let nv12 = [1, 2, 3, 4, 5, 6, 7, 8, 20, 30, 21, 31];
        let yuyv = [1, 20, 2, 30, 3, 21, 4, 31, 5, 20, 6, 30, 7, 21, 8, 31];
        assert_eq!(to_i420(&I420, layout(RawFormat::I420, 4)).unwrap(), I420);
        assert_eq!(to_i420(&nv12, layout(RawFormat::Nv12, 4)).unwrap(), I420);
        assert_eq!(to_i420(&yuyv, layout(RawFormat::Yuyv, 8)).unwrap(), I420);
    }

    #[test]
    fn gaps_behind_rows_are_left_out() {
        let padded = [1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0, 20, 21, 0, 30, 31, 0];
        assert_eq!(to_i420(&padded, layout(RawFormat::I420, 6)).unwrap(), I420);
    }

    #[test]
    fn a_picture_that_is_too_short_is_refused() {
        for format in [RawFormat::I420, RawFormat::Nv12, RawFormat::Yuyv] {
            for length in 0..12 {
                assert_eq!(to_i420(&[0; 12][..length], layout(format, 4)), None, "{format:?} {length}");
            }
            assert_eq!(to_i420(&[0; 64], layout(format, 2)), None, "rows that overlap");
        }
    }
}
