//! Ganymede.
