//! Texts as SVG: as long as there is room for, on as many lines, and never markup.

use crate::room::scene::TEXT_CHARS_MAX;

/// The mean width of a character, in font sizes; what wraps and shortens texts.
const CHAR_WIDTH: f32 = 0.58;

/// One line of text; `anchor` is `start`, `middle` or `end`.
pub(super) fn line(text: &str, [x, y]: [f32; 2], font: f32, fill: &str, anchor: &str) -> String {
    let text = escaped(text);
    format!(
        r##"<text x="{x}" y="{y}" font-size="{font}" fill="{fill}" text-anchor="{anchor}">{text}</text>"##
    )
}

/// How many characters of a font size fit into a width, at least one.
pub(super) fn chars_in(width: f32, font: f32) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to a small positive number"
    )]
    let chars = (width / (font * CHAR_WIDTH)).clamp(1.0, 1000.0) as usize;
    chars
}

/// At most `chars` characters and at most [`TEXT_CHARS_MAX`]; what is longer ends in an ellipsis.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    let chars = chars.min(TEXT_CHARS_MAX);
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// The text in at most `lines` lines of `chars` characters, broken after spaces and slashes where possible.
pub(super) fn wrapped(text: &str, chars: usize, lines: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_inclusive([' ', '\n', '/', '.', '-', '?', '&', '，']) {
        for (index, letter) in word.chars().enumerate() {
            let row = rows.last().map_or(0, |row| row.chars().count());
            let breaks_here = (index == 0 && row + word.trim_end().chars().count() > chars) || row >= chars;
            if breaks_here && row > 0 {
                rows.push(String::new());
            }
            match rows.last_mut() {
                Some(row) if letter != '\n' => row.push(letter),
                _ => rows.push(String::new()),
            }
        }
    }
    if rows.len() > lines {
        rows.truncate(lines);
        if let Some(last) = rows.last_mut() {
            last.pop();
            last.push('…');
        }
    }
    rows
}

/// Text for SVG: markup is escaped, control characters are left out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in
        text.chars().filter(|letter| !letter.is_control() && !matches!(*letter, '\u{fffe}' | '\u{ffff}'))
    {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[expect(clippy::cast_precision_loss, reason = "sides of pictures are small")]
pub(super) const fn side(length: u32) -> f32 {
    length as f32
}
