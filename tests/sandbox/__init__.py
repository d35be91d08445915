"""The sandbox keeps what it promises."""
