"""Where the session is kept between runs of an app."""
