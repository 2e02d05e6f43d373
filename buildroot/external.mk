include $(sort $(wildcard $(BR2_EXTERNAL_ALCOVE_PATH)/package/*/*.mk))
