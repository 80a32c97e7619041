"""Every walk of a space of walk settings: the pieces in which all settings walk alike."""
