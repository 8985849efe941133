"""Settings: read from their layers, checked strictly, each value with its origin.

May import: the files beside the rooms.
"""

from pipeline.config.given_settings import FILE_NAME
from pipeline.config.names import describe, find_setting, takes_fractions
from pipeline.config.resolve import Config, EarlierSettings, load_config, plain, settings_text

__all__ = [
    "FILE_NAME",
    "Config",
    "EarlierSettings",
    "describe",
    "find_setting",
    "load_config",
    "plain",
    "settings_text",
    "takes_fractions",
]
