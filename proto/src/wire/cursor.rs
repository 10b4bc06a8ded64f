//! A bounded MessagePack cursor over a frame body.
