//! The month that base images are made in: packages of Debian are as old as that, at most.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A month of a year, in UTC; shown as `2026-11`.
pub(super) struct Month(Date);

impl Month {
    pub(super) fn now() -> Self {
        Self::of(Timestamp::now())
    }

    fn of(time: Timestamp) -> Self {
        Self(time.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// Its first second, in seconds since 1970: the `SOURCE_DATE_EPOCH` of what is made in it.
    pub(super) fn epoch(&self) -> i64 {
        self.start().as_second()
    }

    /// Its first second as RFC 3339 writes it.
    pub(super) fn rfc3339(&self) -> String {
        self.start().to_string()
    }

    fn start(&self) -> Timestamp {
        TimeZone::UTC
            .to_timestamp(self.0.to_datetime(jiff::civil::Time::midnight()))
            .expect("UTC has every midnight")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_on_its_first_day() {
        let month = Month::of("2026-11-21T11:40:10Z".parse().unwrap());
        assert_eq!(month.to_string(), "2026-11");
        assert_eq!(month.epoch(), 1_793_491_200);
        assert_eq!(month.rfc3339(), "2026-11-01T00:00:00Z");
    }
}
