//! Numbers as written, without ever going through a float.

/// A decimal number: `digits * 10^exponent`, `digits` without zeros at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    digits: String,
    exponent: i64,
}

/// Why a number has no digits at a given scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScaleError {
    /// It has more digits after the point.
    Fraction,
    /// It is too large for any integer.
    Size,
}

/// More digits than any YANG number has, and few enough for an `i128`.
const DIGITS_MAX: i64 = 38;

impl Number {
    /// A JSON number (RFC 8259 section 6).
    pub(super) fn json(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        if mantissa.starts_with('+') {
            return None;
        }
        Self::parse(mantissa, exponent.into())
    }

    /// A `decimal64` as RFC 7950 9.3.1 writes it; an integer is one too.
    pub(super) fn decimal(text: &str) -> Option<Self> {
        Self::parse(text, 0)
    }

    fn parse(text: &str, exponent: i64) -> Option<Self> {
        let (negative, text) = unsigned(text);
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (text, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - kept.len()).ok()?;
        let exponent = exponent - i64::try_from(fraction.len()).ok()? + dropped;
        let digits = kept.trim_start_matches('0').to_owned();
        let is_zero = digits.is_empty();
        Some(Self { negative: negative && !is_zero, digits, exponent: if is_zero { 0 } else { exponent } })
    }

    /// The number when it is whole.
    pub(super) fn whole(self) -> Option<i128> {
        self.scaled(0).ok()
    }

    /// The number times `10^scale`.
    pub(super) fn scaled(&self, scale: u8) -> Result<i128, ScaleError> {
        let zeros = self.exponent.saturating_add(scale.into());
        let zeros =
            u32::try_from(zeros).map_err(|_| if zeros < 0 { ScaleError::Fraction } else { ScaleError::Size })?;
        let digits = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        if digits.saturating_add(zeros.into()) > DIGITS_MAX {
            return Err(ScaleError::Size);
        }
        let digits: i128 =
            if self.digits.is_empty() { 0 } else { self.digits.parse().map_err(|_| ScaleError::Size)? };
        let value = digits.checked_mul(10_i128.pow(zeros)).ok_or(ScaleError::Size)?;
        Ok(if self.negative { -value } else { value })
    }
}

/// An integer as RFC 7950 9.2.1 writes it in data: decimal with an optional sign, leading zeros without meaning.
pub(super) fn decimal_integer(text: &str) -> Option<i128> {
    let (negative, digits) = unsigned(text);
    magnitude(digits, 10, negative)
}

/// As [`decimal_integer`], and hexadecimal after `0x`.
pub(super) fn any_integer(text: &str) -> Option<i128> {
    let (negative, digits) = unsigned(text);
    match digits.strip_prefix("0x") {
        Some(digits) => magnitude(digits, 16, negative),
        None => magnitude(digits, 10, negative),
    }
}

fn unsigned(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn magnitude(digits: &str, radix: u32, negative: bool) -> Option<i128> {
    if digits.is_empty() || !digits.chars().all(|char| char.is_digit(radix)) {
        return None;
    }
    // What does not fit is out of the range of every type, which is the better thing to say.
    let value = i128::from_str_radix(digits, radix).unwrap_or(i128::MAX);
    Some(if negative { -value } else { value })
}
