//! The scene's texts: name plates, cards, the join panel with its QR code, drawn by resvg when they change.

use std::fmt::Write as _;
use std::sync::Arc;

use qrcode::{Color, QrCode};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::room::aside;
use crate::room::layout::Size;
use crate::room::overlay::Overlay;
use crate::room::scene::{Language, SceneAside, SceneCall, SceneClaim, SceneSign};
use crate::room::svg::{chars_in, escaped, line, shortened, side, wrapped};

/// Fonts for scripts that DejaVu Sans lacks, where packages of Debian and Buildroot put them. Those that exist are
/// used.
const MORE_FONTS: [&str; 6] = [
    "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/wqy-zenhei/wqy-zenhei.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf",
    "/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf",
];

/// Something that the painter draws: equal pieces look equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// A name on a translucent plate, at most `size` large.
    Plate {
        /// The name.
        name: String,
        /// Whether the crossed-out microphone is shown.
        muted: bool,
        /// The room there is.
        size: Size,
    },
    /// What a tile shows without a picture: the name's first letters on a disc.
    Card {
        /// The name.
        name: String,
        /// Chooses the disc's colour.
        id: u64,
        /// The tile's size.
        size: Size,
    },
    /// How to join, and how many are there.
    Panel {
        /// The meeting.
        meeting: String,
        /// What the QR code says.
        join_url: String,
        /// The join address.
        join_text: String,
        /// How many participants have no tile.
        hidden: usize,
        /// The language.
        language: Language,
        /// The panel's size.
        size: Size,
    },
    /// Whose hand is up, what is voted on, and what was written.
    Aside {
        /// What there is to tell.
        aside: SceneAside,
        /// The language.
        language: Language,
        /// The size of the column.
        size: Size,
    },
    /// The room introduces itself.
    Welcome {
        /// The room's name.
        room: String,
        /// The meeting, where the room is in one.
        meeting: Option<String>,
        /// What the QR code says.
        join_url: String,
        /// The join address.
        join_text: String,
        /// What is wrong, where anything is.
        trouble: String,
        /// How to become the owner, while nobody is.
        claim: Option<SceneClaim>,
        /// The language.
        language: Language,
        /// The size of the whole.
        size: Size,
    },
    /// Who rings, or is rung.
    Call {
        /// What is known of it.
        call: SceneCall,
        /// The language.
        language: Language,
        /// The size of the whole.
        size: Size,
    },
    /// One sentence in the middle, in place of a picture that cannot be had.
    Notice {
        /// The sentence.
        text: String,
        /// The size of the picture.
        size: Size,
    },
}

/// Draws pieces. It holds the fonts, so make one and share it.
pub struct Painter {
    options: Options<'static>,
}

impl Default for Painter {
    fn default() -> Self {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(dejavu::sans::regular())));
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(dejavu::sans::bold())));
        for path in MORE_FONTS {
            if std::path::Path::new(path).exists()
                && let Err(cause) = fonts.load_font_file(path)
            {
                log::warn!("the font {path} cannot be read and is not used: {cause}");
            }
        }
        let options =
            Options { font_family: "DejaVu Sans".into(), fontdb: Arc::new(fonts), ..Options::default() };
        Self { options }
    }
}

impl Painter {
    /// Draws a piece; `None` when it has no extent.
    #[must_use]
    pub fn paint(&self, piece: &Piece) -> Option<Overlay> {
        match piece {
            Piece::Plate { name, muted, size } => self.plate(name, *muted, *size),
            Piece::Card { name, id, size } => self.draw(&card(name, *id, *size), *size),
            Piece::Panel { size, .. } => self.draw(&panel(piece), *size),
            Piece::Aside { aside, language, size } => {
                self.draw(&aside::drawing(aside, *language, *size), *size)
            }
            Piece::Welcome { size, .. } => self.draw(&welcome(piece), *size),
            Piece::Call { call, language, size } => self.draw(&self::call(call, *language, *size), *size),
            Piece::Notice { text, size } => self.draw(&notice(text, *size), *size),
        }
    }

    /// The plate is as wide as its text, which has to be measured first.
    fn plate(&self, name: &str, muted: bool, size: Size) -> Option<Overlay> {
        let height = side(size.height);
        let font = height * 0.55;
        let icon = if muted { height * 0.8 } else { 0.0 };
        let room = side(size.width) - height * 0.6 - icon;
        let text = shortened(name, chars_in(room, font));
        let x = height * 0.3 + icon;
        let words = format!(
            r##"<text x="{x}" y="{}" font-size="{font}" fill="#fff">{}</text>"##,
            height * 0.7,
            escaped(&text)
        );
        let measured = self.tree(&words, size)?.root().abs_bounding_box().width();
        let width = (x + measured + height * 0.3).ceil().min(side(size.width));
        let mut svg = format!(
            r##"<rect width="{width}" height="{height}" rx="{}" fill="#000" fill-opacity="0.6"/>{words}"##,
            height * 0.2
        );
        if muted {
            svg += &muted_icon(height);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the width of the tile"
        )]
        let width = ((width as u32) + 1) & !1;
        self.draw(&svg, Size { width: width.min(size.width), ..size })
    }

    fn tree(&self, svg: &str, size: Size) -> Option<Tree> {
        let document = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" font-family="DejaVu Sans">{svg}</svg>"##,
            size.width, size.height
        );
        match Tree::from_str(&document, &self.options) {
            Ok(tree) => Some(tree),
            Err(cause) => {
                log::error!("a drawing of the scene is no SVG and is left out: {cause}");
                None
            }
        }
    }

    fn draw(&self, svg: &str, size: Size) -> Option<Overlay> {
        let tree = self.tree(svg, size)?;
        let mut pixmap = Pixmap::new(size.width, size.height)?;
        resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
        Some(Overlay::new(&pixmap))
    }
}

/// A microphone with a stroke through it, in a square of `side` pixels.
fn muted_icon(side: f32) -> String {
    format!(
        r##"<g transform="translate({0},{0}) scale({1})" stroke="#ff6b6b" fill="none" stroke-width="2" stroke-linecap="round"><rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5 11a7 7 0 0 0 14 0M12 18v3M3 3l18 18"/></g>"##,
        side * 0.15,
        side * 0.7 / 24.0
    )
}

fn card(name: &str, id: u64, size: Size) -> String {
    const COLOURS: [&str; 6] = ["#3a5a8c", "#5b4a8a", "#2f6f6a", "#7a4b5e", "#5f6b36", "#8a5a34"];
    let (width, height) = (side(size.width), side(size.height));
    let colour = COLOURS[usize::try_from(id % 6).unwrap_or(0)];
    let initials: String = name
        .split_whitespace()
        .filter_map(|word| word.chars().next())
        .take(2)
        .collect::<String>()
        .to_uppercase();
    let (x, y) = (width / 2.0, height / 2.0);
    format!(
        r##"<rect width="{width}" height="{height}" fill="#23272e"/><circle cx="{x}" cy="{y}" r="{}" fill="{colour}"/>{}"##,
        height * 0.28,
        line(&initials, [x, y + height * 0.085], height * 0.24, "#fff", "middle")
    )
}

fn panel(piece: &Piece) -> String {
    let Piece::Panel { meeting, join_url, join_text, hidden, language, size } = piece else {
        return String::new();
    };
    let (width, height) = (side(size.width), side(size.height));
    let font = width / 15.0;
    let qr = (width * 0.8).min(height * 0.46);
    let mut y = font * 1.8;
    let mut svg =
        line(&shortened(meeting, chars_in(width, font * 1.3)), [0.0, y], font * 1.3, "#fff", "start");
    y += font;
    svg += &qr_code(join_url, [0.0, y], qr);
    y += qr + font * 1.6;
    svg += &line(words(*language).join_at, [0.0, y], font * 0.9, "#9aa4b2", "start");
    for part in wrapped(join_text, chars_in(width, font), 4) {
        y += font * 1.3;
        svg += &line(&part, [0.0, y], font, "#fff", "start");
    }
    if *hidden > 0 {
        let text = words(*language).more.replace("{}", &hidden.to_string());
        svg += &line(&text, [0.0, y + font * 2.0], font, "#9aa4b2", "start");
    }
    svg
}

fn welcome(piece: &Piece) -> String {
    let Piece::Welcome { room, meeting, join_url, join_text, trouble, claim, language, size } = piece else {
        return String::new();
    };
    let (width, height) = (side(size.width), side(size.height));
    let (x, font) = (width * 0.07, height / 24.0);
    let qr = (width * 0.32).min(height * 0.5);
    let left = width * 0.53;
    let mut svg = line(
        &shortened(room, chars_in(width * 0.86, font * 2.4)),
        [x, height * 0.2],
        font * 2.4,
        "#fff",
        "start",
    );
    let told = words(*language);
    let state =
        meeting.as_ref().map_or_else(|| told.ready.to_owned(), |name| told.waiting.replace("{}", name));
    let mut y = height * 0.2 + font * 0.5;
    let state = wrapped(&state, chars_in(width * 0.86, font), 2);
    for part in &state {
        y += font * 1.3;
        svg += &line(part, [x, y], font, "#9aa4b2", "start");
    }
    let small = font * 0.7;
    y += font * 0.5;
    // Left of the code, and above the address.
    for part in wrapped(&capitalised(trouble), chars_in(left - x * 1.3, small), 4 - state.len()) {
        y += small * 1.4;
        svg += &line(&part, [x, y], small, "#ffb454", "start");
    }
    let mut y = height * 0.5;
    svg += &line(told.join_at, [x, y], font, "#9aa4b2", "start");
    for part in wrapped(join_text, chars_in(left - x * 1.3, font * 1.15), 5) {
        y += font * 1.6;
        svg += &line(&part, [x, y], font * 1.15, "#fff", "start");
    }
    if let Some(SceneClaim { address, code }) = claim {
        let y = height * 0.84;
        svg += &line(told.claim, [x, y], small, "#9aa4b2", "start");
        svg += &line(
            &shortened(address, chars_in(left - x, small)),
            [x, y + small * 1.3],
            small,
            "#fff",
            "start",
        );
        svg += &line(code, [x, y + small * 1.3 + font * 1.2], font, "#fff", "start");
    }
    svg + &qr_code(join_url, [left, height * 0.4], qr)
}

/// A sentence with a capital letter.
fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// In the upper half the names, below them what it is. A banner is as wide as the stage, the whole screen has a disc.
fn call(call: &SceneCall, language: Language, size: Size) -> String {
    let (width, height) = (side(size.width), side(size.height));
    let (ground, frame) = if call.bright { ("#17705a", "#5bd0ae") } else { ("#10342b", "#17705a") };
    let told = words(language);
    let is_banner = size.width > size.height * 3;
    let font = if is_banner { height / 4.2 } else { height / 11.0 };
    let what = match &call.what {
        SceneSign::RingsVideo => told.rings_video,
        SceneSign::RingsAudio => told.rings_audio,
        SceneSign::IsRung => told.is_rung,
        SceneSign::IsHere(how) => &shortened(how, chars_in(width * 0.9, font * 0.55)),
    };
    let is_call = !matches!(call.what, SceneSign::IsHere(_));
    let middle = if is_banner || !is_call { height * 0.46 } else { height * 0.66 };
    let border = height / 40.0;
    let mut svg = format!(
        r##"<rect x="{0}" y="{0}" width="{1}" height="{2}" rx="{3}" fill="{ground}" stroke="{frame}" stroke-width="{border}"/>"##,
        border / 2.0,
        width - border,
        height - border,
        if is_banner { height * 0.18 } else { 0.0 },
    );
    if !is_banner && is_call {
        svg += &telephone([width / 2.0, height * 0.32], height * 0.2, frame);
    }
    let names = shortened(&call.names, chars_in(width * 0.9, font));
    svg += &line(&names, [width / 2.0, middle], font, "#fff", "middle");
    svg + &line(what, [width / 2.0, middle + font * 1.1], font * 0.55, "#d5f2e8", "middle")
}

/// A handset in a disc.
fn telephone([x, y]: [f32; 2], radius: f32, fill: &str) -> String {
    format!(
        r##"<circle cx="{x}" cy="{y}" r="{radius}" fill="{fill}"/><g transform="translate({},{}) scale({})" fill="#fff"><path d="M6.5 3.8h2.700c.4 0 .8.3.9.7l.9 3.500c.1.4 0 .8-.3 1l-1.900 1.500a12.500 12.500 0 0 0 4.700 4.700l1.500-1.900c.2-.3.6-.4 1-.3l3.500.9c.4.1.7.5.7.9v2.700c0 1.100-.9 2-2 1.900C10.700 18.900 5.100 13.300 4.600 5.800c-.1-1.100.8-2 1.900-2Z"/></g>"##,
        x - radius * 0.985,
        y - radius * 0.98,
        radius / 12.5
    )
}

fn notice(text: &str, size: Size) -> String {
    let (width, height) = (side(size.width), side(size.height));
    let font = height / 14.0;
    let mut svg = format!(r##"<rect width="{width}" height="{height}" fill="#23272e"/>"##);
    for (index, part) in (0_u8..).zip(wrapped(text, chars_in(width * 0.85, font), 4)) {
        let y = height * 0.45 + font * 1.4 * f32::from(index);
        svg += &line(&part, [width / 2.0, y], font, "#e6e9ee", "middle");
    }
    svg
}

/// A QR code with its quiet zone, as one path; nothing when the text is empty or too long for one.
fn qr_code(text: &str, [x, y]: [f32; 2], size: f32) -> String {
    let code = match QrCode::new(text) {
        Ok(code) if !text.is_empty() => code,
        _ => return String::new(),
    };
    let (modules, quiet) = (code.width(), 2);
    let mut path = String::new();
    for (index, colour) in code.to_colors().into_iter().enumerate() {
        if colour == Color::Dark {
            let (column, row) = (index % modules + quiet, index / modules + quiet);
            // Writing to a String cannot fail.
            let _ = write!(path, "M{column} {row}h1v1h-1z");
        }
    }
    let whole = modules + 2 * quiet;
    #[expect(clippy::cast_precision_loss, reason = "at most 185 modules")]
    let scale = size / whole as f32;
    format!(
        r##"<g transform="translate({x},{y}) scale({scale})" shape-rendering="crispEdges"><rect width="{whole}" height="{whole}" fill="#fff"/><path d="{path}"/></g>"##
    )
}

/// The scene's own words.
struct Words {
    join_at: &'static str,
    ready: &'static str,
    waiting: &'static str,
    more: &'static str,
    rings_video: &'static str,
    rings_audio: &'static str,
    is_rung: &'static str,
    claim: &'static str,
}

const fn words(language: Language) -> Words {
    match language {
        Language::English => Words {
            join_at: "Join from your browser:",
            ready: "The room is ready.",
            waiting: "In the meeting {}. Waiting for others.",
            more: "and {} more",
            rings_video: "Incoming video call",
            rings_audio: "Incoming call",
            is_rung: "Calling …",
            claim: "Setting it up? Enter the code at:",
        },
        Language::Chinese => Words {
            join_at: "用浏览器加入：",
            ready: "会议室已就绪。",
            waiting: "已进入会议 {}，等待其他人加入。",
            more: "另有 {} 人",
            rings_video: "视频来电",
            rings_audio: "语音来电",
            is_rung: "正在呼叫…",
            claim: "初次设置？在此地址输入代码：",
        },
    }
}

#[cfg(test)]
#[path = "painter_tests.rs"]
mod tests;
