//! Recovery words: a random secret as 24 words that a person can write on paper and type again.
//!
//! They are BIP 39's English words: 256 bits and a checksum of 8. Each word is known by its first four letters, so
//! that many are enough when they are read back; capitals, numbers before the words and commas do not matter. What
//! was read is told apart from what was meant by position alone: a wrong word is never repeated in an error.

use bip39::{Language, Mnemonic};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{VaultError, random};

/// Words of one secret.
pub const COUNT: usize = 24;
/// Letters by which a word is known.
const LETTERS: usize = 4;
/// What is nearly as long is meant as words and judged as such: so many of them, in more bytes than a password may have.
const MEANT: usize = 18;
const PASSWORD_BYTES_MAX: usize = 72;

/// Why a text is not the words it was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    #[error("{0} words were typed, and it takes 24")]
    Count(usize),
    /// Counted from 1.
    #[error("word {0} is not on the list of words: check its spelling")]
    Unknown(usize),
    /// Each is a word of the list, but together they are none of ours.
    #[error("the words do not belong together: one of them is another, or their order is")]
    Checksum,
}

/// New words, separated by blanks.
pub fn make() -> Result<SecretString, VaultError> {
    let entropy = Zeroizing::new(random::<32>()?);
    let words = Mnemonic::from_entropy(&*entropy).map_err(|_| VaultError::Random)?;
    Ok(joined(&words))
}

/// Is the text meant as words at all?
pub fn is_meant(text: &str) -> bool {
    text.len() > PASSWORD_BYTES_MAX && pieces(text).count() >= MEANT
}

/// The words as `make` gives them.
pub fn read(text: &str) -> Result<SecretString, BadWords> {
    let count = pieces(text).count();
    if count != COUNT {
        return Err(BadWords::Count(count));
    }
    let mut full = Zeroizing::new(String::with_capacity(COUNT * 9));
    for (nth, piece) in pieces(text).enumerate() {
        let piece = Zeroizing::new(piece.to_ascii_lowercase());
        let word = whole(&piece).ok_or(BadWords::Unknown(nth + 1))?;
        full.push_str(word);
        full.push(' ');
    }
    let words = Mnemonic::parse_in_normalized(Language::English, full.trim_end());
    words.map(|words| joined(&words)).map_err(|_| BadWords::Checksum)
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphabetic()).filter(|piece| !piece.is_empty())
}

/// The word that begins so: the word itself, or the only one with these four letters.
fn whole(piece: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    let exact = list.iter().find(|word| **word == piece);
    let begun = || list.iter().find(|word| piece.len() >= LETTERS && word.starts_with(piece));
    exact.or_else(begun).copied()
}

fn joined(words: &Mnemonic) -> SecretString {
    let mut text = Zeroizing::new(String::with_capacity(COUNT * 9));
    for word in words.words() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    SecretString::from(text.as_str())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    /// A published pair of BIP 39: all bits 1.
    const ZOO: &str = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo \
                       vote";

    fn read(text: &str) -> Result<String, BadWords> {
        super::read(text).map(|words| words.expose_secret().to_owned())
    }

    #[test]
    fn what_is_made_is_read_again_and_never_the_same_twice() {
        let one = make().unwrap();
        assert_eq!(one.expose_secret().split(' ').count(), COUNT);
        assert_eq!(read(one.expose_secret()).as_deref(), Ok(one.expose_secret()));
        assert_ne!(one.expose_secret(), make().unwrap().expose_secret());
        assert!(is_meant(one.expose_secret()));
    }

    #[test]
    fn four_letters_capitals_numbers_and_commas_will_do() {
        let words = make().unwrap();
        let short: Vec<String> = words
            .expose_secret()
            .split(' ')
            .enumerate()
            .map(|(nth, word)| {
                format!("{}. {}", nth + 1, word.chars().take(4).collect::<String>().to_uppercase())
            })
            .collect();
        assert_eq!(read(&short.join(", ")).as_deref(), Ok(words.expose_secret()));
        assert_eq!(read(ZOO).as_deref(), Ok(ZOO), "the list and the checksum are the published ones");
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        assert_eq!(read(&ZOO.replace(" vote", "")), Err(BadWords::Count(23)));
        assert_eq!(read(""), Err(BadWords::Count(0)));
        assert_eq!(read(&ZOO.replace("vote", "voet")), Err(BadWords::Unknown(24)));
        assert_eq!(read(&ZOO.replacen("zoo", "secretive", 1)), Err(BadWords::Unknown(1)));
        assert_eq!(read(&ZOO.replace("vote", "void")), Err(BadWords::Checksum));
        let told = BadWords::Unknown(24).to_string();
        assert!(!told.contains("voet"), "{told}");
    }

    #[test]
    fn a_password_is_not_taken_for_words() {
        assert!(!is_meant("correct horse battery staple"));
        assert!(!is_meant("a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0"));
        assert!(!is_meant(&"x".repeat(200)));
        assert!(is_meant(&ZOO.replace(" vote", "")));
    }
}
