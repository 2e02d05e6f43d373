//! Questions to the painter: what pixels come of texts, and of texts that mean harm.

use super::*;
use crate::room::canvas::{Canvas, Colour};
use crate::room::testing::TestClock;

const SIZE: Size = Size { width: 320, height: 180 };

/// The luma plane of the piece on black.
fn luma(piece: &Piece) -> Vec<u8> {
    let mut canvas = Canvas::new(SIZE, Colour::rgb(0, 0, 0));
    let overlay = Painter::default().paint(piece).expect("the piece has an extent");
    overlay.blend(&mut canvas, 0, 0);
    canvas.into_frame(TestClock::origin_of_time()).planes()[0].to_vec()
}

fn plate(name: &str, muted: bool) -> Piece {
    Piece::Plate { name: name.into(), muted, size: Size { width: 300, height: 30 } }
}

#[test]
fn a_plate_is_as_wide_as_its_name_and_never_wider_than_there_is_room() {
    let width = |name: &str| Painter::default().paint(&plate(name, false)).expect("drawn").size().width;
    assert!(width("Ann") < width("Ann with a longer name"));
    assert!(width(&"W".repeat(500)) <= 300);
    assert!(width("Ann") >= 40);
}

#[test]
fn letters_are_white_and_the_mute_mark_changes_the_picture() {
    assert!(luma(&plate("Ann", false)).iter().any(|luma| *luma > 200));
    assert_ne!(luma(&plate("Ann", false)), luma(&plate("Ann", true)));
}

#[test]
fn names_with_markup_and_control_characters_are_drawn_as_text() {
    for name in
        ["</text><rect width=\"300\" height=\"30\" fill=\"#fff\"/>", "&amp;&", "\u{0}\u{1b}[31m", "]]>", ""]
    {
        let bright = luma(&plate(name, false)).iter().filter(|luma| **luma > 200).count();
        assert!(bright < 3000, "{name:?} lit {bright} pixels");
    }
}

#[test]
fn a_card_is_opaque() {
    let card = Piece::Card { name: "Ann Lee".into(), id: 3, size: SIZE };
    assert!(luma(&card).iter().all(|luma| *luma > 25), "no pixel of the black ground is left");
}

#[test]
fn the_welcome_picture_has_a_qr_code_of_the_join_address() {
    let url = "https://room.local:8443/m/standup";
    let side = u32::try_from(QrCode::new(url).expect("short").width()).expect("small") + 4;
    assert!(side > 20);
    let welcome = Piece::Welcome {
        room: "Alcove".into(),
        meeting: None,
        join_url: url.into(),
        join_text: "room.local:8443".into(),
        trouble: String::new(),
        claim: None,
        language: Language::English,
        size: SIZE,
    };
    let plane = luma(&welcome);
    let white = plane.iter().filter(|luma| **luma > 230).count();
    assert!(white > 1000, "{white} white pixels");
}

#[test]
fn the_welcome_picture_says_what_is_wrong() {
    let welcome = |trouble: &str| Piece::Welcome {
        room: String::new(),
        meeting: None,
        join_url: String::new(),
        join_text: String::new(),
        trouble: trouble.into(),
        claim: None,
        language: Language::English,
        size: SIZE,
    };
    let lit = |trouble: &str| luma(&welcome(trouble)).iter().filter(|luma| **luma > 60).count();
    assert!(lit("The configuration cannot be read.") > lit("") + 50);
    assert_eq!(
        luma(&welcome("it is gone")),
        luma(&welcome("It is gone")),
        "a sentence begins with a capital"
    );
}

#[test]
fn the_welcome_picture_has_the_code_of_whoever_sets_it_up() {
    let welcome = |claim: Option<&str>| Piece::Welcome {
        room: String::new(),
        meeting: None,
        join_url: String::new(),
        join_text: String::new(),
        trouble: String::new(),
        claim: claim.map(|code| SceneClaim { address: "https://a/admin".into(), code: code.into() }),
        language: Language::English,
        size: SIZE,
    };
    let [none, one, other] = [None, Some("1234 5678"), Some("8765 4321")].map(|code| luma(&welcome(code)));
    let lit = |luma: &[u8]| luma.iter().filter(|luma| **luma > 60).count();
    assert!(lit(&one) > lit(&none) + 50 && one != other);
}

#[test]
fn texts_are_wrapped_at_words_and_shortened() {
    assert_eq!(
        wrapped("https://room.local:8443/m/standup", 16, 4),
        ["https://room.", "local:8443/m/", "standup"]
    );
    assert_eq!(wrapped("one two three", 5, 1), ["one…"]);
    assert_eq!(shortened("abcdef", 4), "abc…");
    assert_eq!(escaped("a<b>&\"\u{7}"), "a&lt;b&gt;&amp;&quot;");
}

#[test]
fn an_address_too_long_for_a_qr_code_is_left_out() {
    assert_eq!(qr_code(&"x".repeat(5000), [0.0, 0.0], 100.0), "");
}
