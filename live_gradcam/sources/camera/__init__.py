"""Cameras of this computer."""
