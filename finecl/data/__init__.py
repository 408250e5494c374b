"""Tools for data: conversion, validation, statistics, splits, distant labelling, leakage checks, artificial noise."""
